"""The runtime of a card: the best that computes its function, or eager torch and the reason."""

import sys
from dataclasses import replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from torch import nn

from model_store.card import ModelCard
from model_store.classifier import load_classifier, load_plain
from model_store.errors import DigestMismatch, RuntimeRefused
from model_store.runtimes import RuntimeInfo, Wishes, open_runtime, openvino
from model_store.runtimes.checks import logits_of, probe
from model_store.runtimes.compiled import CompiledKind
from model_store.runtimes.contract import Settings
from model_store.runtimes.eager import EagerRuntime
from model_store.runtimes.openvino import OpenVinoKind

QUICK = Wishes(batch_size=8, streams=1, threads=1)
CPU = torch.device("cpu")
needs_openvino = pytest.mark.skipif(not find_spec("openvino"), reason="needs OpenVINO")


@pytest.fixture(scope="module")
def conversion():
    """Converts a model once, since that takes a second."""
    convert = openvino.converted
    return cache(lambda card, directory: convert(load_plain(card, directory)))


@pytest.fixture(autouse=True)
def _quick_conversion(stored, conversion, monkeypatch) -> None:
    monkeypatch.setattr(openvino, "converted", lambda _: conversion(*stored))


def eager_logits(card: ModelCard, directory: Path, rows: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        return load_classifier(card, directory)(rows)


@needs_openvino
def test_on_a_cpu_it_is_openvino_with_eagers_logits(stored) -> None:
    opened = open_runtime(*stored, QUICK)

    rows = probe(16, 20)
    assert opened.fallback is None
    assert (opened.info.name, opened.info.precision) == ("openvino", "float32")
    assert (opened.info.settings.batch_size, opened.runtime.batch_size) == (8, 8)
    torch.testing.assert_close(
        logits_of(opened.runtime, rows), eager_logits(*stored, rows), rtol=1e-4, atol=1e-4
    )


def test_without_openvino_it_is_eager_and_says_so(stored, monkeypatch, caplog) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)

    opened = open_runtime(*stored, QUICK)

    assert opened.info.name == "eager"
    assert opened.fallback is not None
    assert (opened.fallback.wanted, opened.fallback.reason) == ("openvino", "missing")
    assert "runtime refused" in caplog.text
    rows = probe(16, 8)
    assert torch.equal(logits_of(opened.runtime, rows), eager_logits(*stored, rows))


def _coupled(rows: torch.Tensor) -> torch.Tensor:
    return nn.BatchNorm2d(3)(rows).flatten(1)[:, :3]


def _fails(rows: torch.Tensor) -> torch.Tensor:
    raise RuntimeError(f"no kernel for {len(rows)} rows")


BROKEN = {
    "coupled": _coupled,
    "disagrees": lambda rows: rows.flatten(1)[:, :3],
    "failed": _fails,
}


@needs_openvino
@pytest.mark.parametrize("reason", BROKEN)
def test_a_runtime_that_is_not_the_cards_function_gives_way(stored, monkeypatch, reason) -> None:
    monkeypatch.setattr(
        OpenVinoKind, "open", lambda _kind, settings: EagerRuntime(
            BROKEN[reason], settings.batch_size, CPU
        )
    )  # fmt: skip

    opened = open_runtime(*stored, QUICK)

    assert opened.info.name == "eager"
    assert opened.fallback is not None
    assert opened.fallback.reason == reason


@needs_openvino
def test_a_network_that_cannot_be_converted_is_run_by_eager(stored, monkeypatch) -> None:
    def convert(_: nn.Module) -> None:
        raise TypeError("no such operation")

    monkeypatch.setattr(openvino, "converted", convert)

    opened = open_runtime(*stored, QUICK)

    assert opened.fallback is not None
    assert (opened.info.name, opened.fallback.reason) == ("eager", "failed")
    assert opened.fallback.detail == "openvino failed: no such operation"


@needs_openvino
def test_a_quantised_file_without_its_graph_is_refused(stored) -> None:
    card, directory = stored
    weights = replace(card.weights, stored_as="int8", precision="int8")

    with pytest.raises(RuntimeRefused, match="openvino failed: 'weights'"):
        open_runtime(replace(card, weights=weights), directory, QUICK)


def test_eager_by_name_is_no_fallback(stored) -> None:
    opened = open_runtime(*stored, replace(QUICK, name="eager"))

    assert (opened.info.name, opened.fallback) == ("eager", None)


@pytest.mark.skipif(torch.cuda.is_available(), reason="has an accelerator")
def test_cuda_without_a_device_gives_way(stored) -> None:
    opened = open_runtime(*stored, replace(QUICK, name="cuda"))

    assert opened.fallback is not None
    assert (opened.info.name, opened.fallback.reason) == ("eager", "missing")


def test_an_unknown_name_is_refused(stored) -> None:
    with pytest.raises(ValueError, match="one of auto, eager"):
        open_runtime(*stored, Wishes(name="onnx"))


def test_other_weights_are_no_reason_to_fall_back(stored) -> None:
    card, directory = stored
    other = replace(card, weights=replace(card.weights, sha256="0" * 64))

    with pytest.raises(DigestMismatch):
        open_runtime(other, directory, QUICK)


def test_a_quantised_card_has_nothing_to_fall_back_on(stored, monkeypatch) -> None:
    card, directory = stored
    weights = replace(card.weights, stored_as="int8", precision="int8")
    monkeypatch.setitem(sys.modules, "openvino", None)

    with pytest.raises(RuntimeRefused, match="not installed") as caught:
        open_runtime(replace(card, weights=weights), directory, QUICK)

    assert caught.value.reason == "missing"


def test_bfloat16_is_run_where_the_card_says_so(stored) -> None:
    card, directory = stored
    half = replace(card, weights=replace(card.weights, precision="bfloat16"))
    rows = probe(16, 8)

    opened = open_runtime(half, directory, QUICK)

    logits, exact = logits_of(opened.runtime, rows), eager_logits(card, directory, rows)
    assert opened.info.precision == "bfloat16"
    assert not torch.allclose(logits, exact, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(logits, exact, rtol=0, atol=0.1 * exact.abs().max().item())


def test_eager_is_in_float32_also_where_torch_would_convolve_in_less() -> None:
    allowed: list[bool] = []

    def network(rows: torch.Tensor) -> torch.Tensor:
        allowed.append(torch.backends.cudnn.allow_tf32)
        return rows.flatten(1)

    EagerRuntime(network, 1, CPU).start(torch.zeros(1, 3, 2, 2))()

    assert allowed == [False]


def test_compiled_logits_are_eagers(stored) -> None:
    classifier = load_classifier(*stored)
    kind = CompiledKind(classifier, CPU, backend="eager")
    rows = probe(16, 8)

    runtime = kind.open(replace(kind.candidates(1)[0], batch_size=8))

    assert torch.equal(logits_of(runtime, rows), eager_logits(*stored, rows))


def test_measured_settings_are_kept(stored, tmp_path, monkeypatch) -> None:
    wishes = Wishes(name="eager", cache=tmp_path, warm_up_s=0.0)
    first = open_runtime(*stored, wishes)
    monkeypatch.setattr("model_store.runtimes.choice.choose", None)

    second = open_runtime(*stored, wishes)

    assert second.info.settings == first.info.settings
    assert second.info.draws_per_s == pytest.approx(first.info.draws_per_s, rel=0.01)


def test_it_is_told_in_one_line() -> None:
    info = RuntimeInfo(
        name="openvino",
        precision="int8",
        device="cpu",
        settings=Settings(batch_size=32, streams=2, threads=2),
        versions={"openvino": "2026.4.1"},
    )

    assert info.summary == "openvino 2026.4.1, int8, 2 streams of 32 rows, 2 threads"
