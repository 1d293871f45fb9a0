"""The linear scaling rule, by which papers state learning rates."""

RATE_IS_FOR = 256


def scaled_lr(base_lr: float, batch_size: int) -> float:
    """Learning rate of a batch, from the rate that a batch of 256 images would have.

    Source:
        Goyal et al. (2017); the `blr` of MAE and DMAE.
    """
    return base_lr * batch_size / RATE_IS_FOR
