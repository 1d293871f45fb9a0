"""Weights on their way in and out: other projects' checkpoints, and the model store's cards."""
