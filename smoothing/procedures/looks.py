"""When a sequential procedure looks at its votes: at numbers of draws that no vote can move."""

EVERY = 64
"""Draws between the first looks; all looks but the last are at whole multiples, which fill
batches."""

_GROWTH = 16
"""Later, a look comes after another sixteenth of the draws: it is late by that much at most."""


def next_look(drawn: int, n: int) -> int:
    """The first look after so many draws; the last one is at n.

    Args:
        drawn: Draws so far, fewer than n.
        n: Draws in all.
    """
    look = 0
    while look <= drawn:
        look += EVERY * max(look // (EVERY * _GROWTH), 1)
    return min(look, n)


def is_look(drawn: int, n: int) -> bool:
    """Whether there is a look at this number of draws."""
    return drawn > 0 and next_look(drawn - 1, n) == drawn
