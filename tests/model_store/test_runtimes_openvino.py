"""OpenVINO: the same logits to the bit, however the work is cut; and int8 with constant scales."""

import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch

from model_store import checkpoint
from model_store.card import ModelCard
from model_store.classifier import load_classifier, load_plain
from model_store.errors import CheckpointInvalid, RuntimeRefused
from model_store.runtimes import Wishes, open_runtime
from model_store.runtimes.checks import logits_of, probe
from model_store.runtimes.contract import Settings
from model_store.runtimes.openvino import OpenVinoKind, converted, unpacked
from model_store.runtimes.quantise import quantise_model

pytestmark = pytest.mark.skipif(
    not (find_spec("openvino") and find_spec("nncf")), reason="needs OpenVINO and nncf"
)

QUICK = Wishes(batch_size=8, streams=1, threads=1)
SETTINGS = [
    Settings(batch_size=1, streams=1, threads=1),
    Settings(batch_size=7, streams=1, threads=2),
    Settings(batch_size=16, streams=2, threads=2),
]


@pytest.fixture(scope="module")
def kind(stored) -> OpenVinoKind:
    return OpenVinoKind(converted(load_plain(*stored)), size=16, precision="float32")


@pytest.fixture(scope="module")
def quantised(stored, tmp_path_factory) -> tuple[ModelCard, Path]:
    """The model in int8, calibrated on noise."""
    directory = tmp_path_factory.mktemp("int8")
    calibration = probe(16, 16).numpy()
    card = quantise_model(
        *stored, np.split(calibration, 4), model_id="tiny.test.int8", target=directory
    )
    return card, directory


def test_logits_do_not_depend_on_batch_size_streams_or_threads(kind) -> None:
    rows = probe(16, 21)

    logits = [logits_of(kind.open(settings), rows) for settings in SETTINGS]

    assert torch.equal(logits[0], logits[1])
    assert torch.equal(logits[0], logits[2])


def test_float32_is_asked_for(kind) -> None:
    """Left to itself the plugin takes bfloat16 where the processor has it."""
    compiled = kind.open(SETTINGS[0])._compiled

    assert str(compiled.get_property("INFERENCE_PRECISION_HINT")) == "<Type: 'float32'>"
    assert compiled.get_property("DYNAMIC_QUANTIZATION_GROUP_SIZE") == 0


def test_batches_under_way_keep_their_own_logits(kind) -> None:
    runtime = kind.open(Settings(batch_size=4, streams=2, threads=2))
    batches = probe(16, 24).split(4)
    expected = [runtime.start(batch)() for batch in batches]
    memory = torch.empty(4, 3, 16, 16)

    waiting = []
    for batch in batches:
        memory.copy_(batch)
        waiting.append(runtime.start(memory))
    memory.zero_()

    for finish, logits in list(zip(waiting, expected, strict=True))[::-1]:
        assert torch.equal(finish(), logits)


def test_no_thread_is_tied_to_a_core_to_which_other_workers_would_be_tied_as_well(kind) -> None:
    compiled = kind.open(Settings(batch_size=4, streams=1, threads=1))._compiled

    assert compiled.get_property("ENABLE_CPU_PINNING") is False


def test_a_batch_that_nobody_waits_for_harms_nothing(kind) -> None:
    runtime = kind.open(Settings(batch_size=4))
    batch = probe(16, 4)
    expected = runtime.start(batch)()

    for _ in range(5):
        runtime.start(torch.randn(4, 3, 16, 16))

    assert torch.equal(runtime.start(batch)(), expected)


def test_nothing_calls_home(kind) -> None:
    assert kind is not None
    assert sys.modules["openvino_telemetry"] is None


def test_a_quantised_model_is_one_of_its_own(stored, quantised) -> None:
    card, directory = quantised

    assert card.id == "tiny.test.int8"
    assert (card.weights.stored_as, card.weights.precision) == ("int8", "int8")
    assert card.weights.sha256 != stored[0].weights.sha256
    assert card.weights.num_bytes == (directory / card.weights.file).stat().st_size
    assert card.evaluations == ()
    assert stored[0].weights.sha256 in card.provenance.notes[-1]


def test_its_scales_are_constants(quantised) -> None:
    """Limits that come from a batch would make its rows depend on each other."""
    card, directory = quantised
    model = unpacked(checkpoint.load(directory / card.weights.file, card.weights.sha256))

    rounded = [op for op in model.get_ops() if op.get_type_name() == "FakeQuantize"]
    limits = [op.input_value(index).get_node() for op in rounded for index in range(1, 5)]
    sources = {
        (op.input_value(0).get_node() if op.get_type_name() == "Convert" else op).get_type_name()
        for op in limits
    }
    kinds = {op.get_type_name() for op in model.get_ops()}

    assert rounded
    assert sources == {"Constant"}
    assert not {name for name in kinds if "Dynamic" in name}


def test_it_runs_on_openvino_near_the_float32_model(stored, quantised) -> None:
    rows = probe(16, 40)
    with torch.inference_mode():
        exact = load_classifier(*stored)(rows)

    opened = open_runtime(*quantised, QUICK)

    logits = logits_of(opened.runtime, rows)
    assert (opened.info.name, opened.info.precision) == ("openvino", "int8")
    assert 0 < (logits - exact).abs().max() < 0.2 * exact.abs().max()


def test_int8_logits_do_not_depend_on_batch_size_or_threads(quantised) -> None:
    card, directory = quantised
    model = unpacked(checkpoint.load(directory / card.weights.file, card.weights.sha256))
    kind = OpenVinoKind(model, size=16, precision="int8")

    logits = [logits_of(kind.open(settings), probe(16, 21)) for settings in SETTINGS]

    assert torch.equal(logits[0], logits[1])
    assert torch.equal(logits[0], logits[2])


def test_other_logits_than_when_it_was_made_are_refused(quantised, tmp_path) -> None:
    card, directory = quantised
    tensors = checkpoint.load(directory / card.weights.file, card.weights.sha256)
    tensors["logits"] = tensors["logits"].roll(1, dims=1)
    digest = checkpoint.save(tmp_path / card.weights.file, tensors)

    with pytest.raises(RuntimeRefused) as caught:
        open_runtime(replace(card, weights=replace(card.weights, sha256=digest)), tmp_path, QUICK)

    assert caught.value.reason == "disagrees"


def test_torch_does_not_run_it(quantised) -> None:
    with pytest.raises(CheckpointInvalid, match="only OpenVINO"):
        load_classifier(*quantised)
