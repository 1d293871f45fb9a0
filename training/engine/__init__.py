"""What every run shares: the loop, its optimisers, its checkpoints."""
