"""What a checkpoint is, where it is kept, and how it becomes a base classifier."""
