"""Makes certified classifiers: DMAE pre-training, fine-tuning under noise, evaluation, export."""
