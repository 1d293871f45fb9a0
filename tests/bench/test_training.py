"""Training speed is told as shares of the bare pass, round by round."""

from bench.report import page
from bench.training import Speeds, section
from training.config import LoopConfig

FAST = Speeds(title="pretrain", bare=(100, 110), stepped=(98, 104), loop=(95, 99))
SLOW = Speeds(title="finetune", bare=(100, 100), stepped=(95, 95), loop=(80, 85))


def test_a_loop_that_is_much_slower_than_its_bare_pass_misses_its_target():
    found = section([FAST, SLOW], "python -m bench.training", loop=LoopConfig(steps=1), steps=10)

    assert [target.met for target in found.targets] == [True, False]
    text = page([found], command=found.command)
    assert "| pretrain: the training loop | 97 (95 to 99) | 0.93 (0.90 to 0.95) |" in text
    assert "2 rounds of 10 steps" in text
