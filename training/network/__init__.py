"""The networks: the autoencoder and the classifier."""
