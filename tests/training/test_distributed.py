"""Several processes on one run: the same losses and weights as one."""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.distributed as dist
from safetensors.torch import load_file

from training.config import LoopConfig, PretrainConfig
from training.engine import distributed
from training.engine.checkpoints import read_head
from training.engine.distributed import ALONE, Processes, joined
from training.engine.records import read_losses
from training.errors import BadConfig, DiskFull

SCRIPT = Path(__file__).with_name("run_and_kill.py")
STEPS = 12
RUNS = {
    "alone": {"processes": 1, "kills": 0},
    "pair": {"processes": 2, "kills": 0},
    "killed": {"processes": 2, "kills": 2},
}


@pytest.fixture(scope="module")
def runs(
    image_folder: Path, cache: Path, finetuned: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Directories of one run, by one process and by two over gloo, whole and killed."""
    out = tmp_path_factory.mktemp("distributed")
    words = [
        *("finetune", "--recipe", "smoke", "--loop.shares", "4", "--loop.steps", str(STEPS)),
        *("--loop.parallel", "1", "--drop-path", "0.2", "--loop.batch-size", "8"),
        *("--loop.log-every", "1", "--loop.checkpoint-every", "2"),
        *("--data.source", "folder", "--data.path", str(image_folder)),
        *("--data.cache", str(cache), "--data.validation-every", "6"),
        *("--loop.validate-every", "4", "--init", str(finetuned), "--out"),
    ]
    jobs = [{"words": [*words, str(out / name)], **run} for name, run in RUNS.items()]
    subprocess.run(
        [sys.executable, str(SCRIPT), json.dumps(jobs)],
        cwd=Path(__file__).parents[2],
        env={"PYTHONPATH": "."},
        check=True,
    )
    return out


def losses(out: Path) -> list[float]:
    return [row["loss"] for row in read_losses(out)]


def tensors(out: Path) -> dict[str, torch.Tensor]:
    head = read_head(out)
    assert head is not None
    return load_file(out / head["tensors"])


@pytest.mark.slow
def test_two_processes_have_the_losses_and_weights_of_one(runs: Path):
    one, two = tensors(runs / "alone"), tensors(runs / "pair")

    assert len(losses(runs / "pair")) == STEPS
    np.testing.assert_allclose(losses(runs / "pair"), losses(runs / "alone"), rtol=1e-5)
    assert one.keys() == two.keys()
    for name in one:
        torch.testing.assert_close(two[name], one[name], rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_two_processes_under_kill_9_continue_exactly(runs: Path):
    killed, whole = tensors(runs / "killed"), tensors(runs / "pair")

    assert losses(runs / "killed") == losses(runs / "pair")
    assert all(torch.equal(killed[name], whole[name]) for name in whole)


@pytest.mark.slow
def test_only_one_process_writes(runs: Path):
    lines = (runs / "pair" / "validation.jsonl").read_text().splitlines()

    assert [json.loads(line)["step"] for line in lines] == [4, 8, 12]
    assert len(list((runs / "pair" / "tensorboard").iterdir())) == 1


@pytest.mark.parametrize("size", [1, 2, 4])
def test_every_share_is_computed_by_one_process(size: int):
    shares = [Processes(rank=rank, size=size).shares(8) for rank in range(size)]

    assert sorted(number for some in shares for number in some) == list(range(8))
    assert {len(some) for some in shares} == {8 // size}


def test_every_process_computes_on_the_gpu_of_its_own_number():
    processes = Processes(rank=5, size=8, local_rank=1)

    assert processes.execution(LoopConfig(device="cuda", shares=8)).device == "cuda:1"
    assert processes.execution(LoopConfig(shares=8)).device == "cpu"
    assert ALONE.execution(LoopConfig(device="cuda")).device == "cuda"


def test_without_torchrun_a_process_is_alone():
    with joined(LoopConfig()) as processes:
        assert processes == ALONE
        assert processes.writes


@pytest.fixture
def one_of_torchrun(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What torchrun sets for a single process; its group is taken down at the end."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = {"RANK": 0, "LOCAL_RANK": 0, "WORLD_SIZE": 1, "MASTER_PORT": port}
    words = {"MASTER_ADDR": "127.0.0.1", "TORCHELASTIC_RUN_ID": "test", "GLOO_SOCKET_IFNAME": "lo"}
    for name, value in {**settings, **words}.items():
        monkeypatch.setenv(name, str(value))
    yield
    if dist.is_initialized():
        dist.destroy_process_group()


@pytest.mark.usefixtures("one_of_torchrun")
def test_a_process_leaves_the_group_at_the_end():
    with joined(LoopConfig()) as processes:
        assert processes == ALONE

    assert not dist.is_initialized()


@pytest.mark.usefixtures("one_of_torchrun")
def test_a_process_that_fails_does_not_wait_for_the_others_to_leave():
    with pytest.raises(DiskFull), joined(LoopConfig()):
        raise DiskFull("no room")

    assert dist.is_initialized()


@pytest.mark.usefixtures("one_of_torchrun")
def test_a_process_without_a_gpu_of_its_number_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LOCAL_RANK", "64")

    with (
        pytest.raises(BadConfig, match="process 64 of this machine has no GPU"),
        joined(LoopConfig(device="cuda")),
    ):
        pass


def test_a_single_process_adds_nothing():
    value = torch.ones(2)

    ALONE.add_up([value])

    assert value.tolist() == [1, 1]


def test_tensors_are_added_up_in_one_piece_and_put_back(monkeypatch: pytest.MonkeyPatch):
    sent: list[int] = []

    def doubled(flat: torch.Tensor) -> None:
        sent.append(flat.numel())
        flat.mul_(2)

    monkeypatch.setattr(distributed.dist, "all_reduce", doubled)
    matrix, scalar = torch.arange(6.0).view(2, 3).clone(), torch.tensor(5.0)

    Processes(rank=0, size=2).add_up([matrix, scalar])

    assert sent == [7]
    assert matrix.tolist() == [[0, 2, 4], [6, 8, 10]]
    assert scalar.item() == 10


def test_processes_that_do_not_divide_the_shares_are_refused(pretrain_config: PretrainConfig):
    loop = replace(pretrain_config.loop, shares=4)

    with pytest.raises(BadConfig, match=r"the 3 processes must divide loop\.shares 4"):
        distributed.check_shares(Processes(rank=0, size=3), loop)
