"""One job on several workers: what of their time is the forward pass is read from their counts."""

import pytest

from bench import scale
from bench.scale import Crew, forward_seconds

METRICS = """# TYPE dmae_worker_forward_seconds_total counter
dmae_worker_forward_seconds_total{worker="a"} 1.5
dmae_worker_forward_seconds_total{worker="b"} 2.25
# TYPE dmae_worker_rows_total counter
dmae_worker_rows_total{worker="a"} 640.0
"""


def test_the_forward_pass_is_that_of_all_workers():
    assert forward_seconds(METRICS) == 3.75


def test_time_that_is_not_the_forward_pass_is_of_all_workers_too():
    alone = Crew(workers=1, seconds=[10.0], forward=[9.5])
    pair = Crew(workers=2, seconds=[5.0], forward=[9.0])

    assert alone.cells(alone, 1_000) == ("1", "10.00", "100", "1.00", "5.0")
    assert pair.cells(alone, 1_000) == ("2", "5.00", "200", "2.00", "10.0")


@pytest.mark.slow
@pytest.mark.redis
def test_a_quick_run_says_what_each_crew_did():
    section = scale.PART.section(["--quick", "--workers", "1"])

    [row] = [line for line in section.text.splitlines() if line.startswith("| 1 |")]
    assert "nan" not in row
    assert not row.endswith("| 100.0 |")
