"""Numbers in words and commands."""


def plain(value: float) -> str:
    """A number with all its digits, and no ".0"; read back it is the same.

    Rounded, a probability would claim too much, and a noise level be another one.
    """
    return repr(float(value)).removesuffix(".0")
