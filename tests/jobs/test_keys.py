"""Which requests are equal, and what nobody may guess."""

import hashlib
import hmac
import json
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jobs import codec, keys
from jobs.errors import MalformedRecord
from smoothing.params import SmoothingParams


@pytest.mark.parametrize("change", [{"sigma": 0.5}, {"n0": 21}, {"n": 101}, {"numerics": "fast"}])
def test_what_is_drawn_changes_the_dice(make_spec: Any, change: dict[str, Any]) -> None:
    spec = make_spec()

    params = replace(spec.params, **change)

    assert keys.request_digest(spec.model, spec.image, params) != spec.request_digest


@pytest.mark.parametrize(
    ("part", "change"),
    [
        ("image", {"tensor_sha256": "77" * 32}),
        ("model", {"weights_sha256": "77" * 32}),
        ("model", {"function_sha256": "77" * 32}),
        ("model", {"precision": "bfloat16"}),
    ],
)
def test_tensor_and_classifier_change_the_dice(make_spec: Any, part: str, change: Any) -> None:
    assert make_spec(**{part: change}).request_digest != make_spec().request_digest


@pytest.mark.parametrize(
    ("part", "change"),
    [
        ("image", {"upload_sha256": "77" * 32}),
        ("image", {"original_size": (8, 8)}),
        ("image", {"preprocessing": {"resize": "none"}}),
        ("model", {"id": "another-name"}),
        ("model", {"labels": ("a", "b", "c")}),
    ],
)
def test_names_change_the_document_but_not_the_dice(make_spec: Any, part: str, change: Any) -> None:
    spec, other = make_spec(), make_spec(**{part: change})

    assert other.request_digest == spec.request_digest
    assert keys.document_digest(other) != keys.document_digest(spec)


def test_alpha_changes_the_document_but_not_the_dice(make_spec: Any) -> None:
    """Or an abstention could be tried again for ever, a hair's breadth of alpha at a time."""
    spec = make_spec()
    params = replace(spec.params, alpha=0.0010000001)
    other = replace(spec, params=params)

    assert keys.request_digest(spec.model, spec.image, params) == spec.request_digest
    assert keys.document_digest(other) != keys.document_digest(spec)


def test_requests_of_mode_fixed_meet_the_dice_that_they_always_met(make_spec: Any) -> None:
    """Else a certificate that was issued could be asked for again, with other votes."""
    spec = make_spec()
    always = {
        "schema": 1,
        "function": "cd" * 32,
        "weights": "ab" * 32,
        "precision": "float32",
        "num_classes": 3,
        "tensor": "23" * 32,
        "shape": [3, 8, 8],
        "params": {
            "sigma": 0.25,
            "mode": "fixed",
            "n0": 20,
            "n": 100,
            "numerics": "sound",
            "bound": "top",
        },
    }
    text = json.dumps(always, sort_keys=True, separators=(",", ":"))

    assert spec.request_digest == hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        ({"mode": "decide", "radius": 0.1}, {"mode": "decide", "radius": 0.2, "n": 500}, True),
        ({"mode": "decide", "radius": 0.1}, {"mode": "anytime", "n": 200}, True),
        ({"mode": "adaptive"}, {"mode": "adaptive", "precision": 0.2, "bound": "runner-up"}, True),
        ({"mode": "predict"}, {"mode": "predict", "n": 500, "family_size": 7}, True),
        ({"mode": "adaptive"}, {"mode": "anytime"}, False),
        ({"mode": "predict"}, {"mode": "anytime"}, False),
    ],
)
def test_no_parameter_of_a_question_rolls_its_dice_again(
    make_spec: Any, one: Any, other: Any, equal: bool
) -> None:
    specs = [make_spec(params=SmoothingParams(sigma=0.25, **asked)) for asked in (one, other)]

    assert (specs[0].request_digest == specs[1].request_digest) == equal
    assert keys.document_digest(specs[0]) != keys.document_digest(specs[1])


def test_ids_and_times_change_nothing(make_spec: Any) -> None:
    one, other = make_spec(), make_spec(deadline_at=2e9, chunk_size=7)

    assert one.id != other.id
    assert keys.document_digest(one) == keys.document_digest(other)


def test_the_job_key_is_a_keyed_hash_and_its_commitment_hides_it() -> None:
    key = keys.job_key(b"s" * 32, "digest")

    assert key == hmac.digest(b"s" * 32, b"digest", "sha256")
    assert keys.commitment(key) == hashlib.sha256(key).hexdigest()
    assert key != keys.job_key(b"t" * 32, "digest")


def test_a_short_secret_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 32 characters, got 6"):
        keys.secret_from_text("secret")
    assert len(keys.secret_from_text("x" * 32)) == 32


def test_job_ids_are_uuids_of_version_7_and_differ() -> None:
    ids = [keys.new_job_id() for _ in range(100)]

    assert len(set(ids)) == 100
    assert {uuid.UUID(text).version for text in ids} == {7}
    assert {uuid.UUID(text).variant for text in ids} == {uuid.RFC_4122}


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"mode": "adaptive", "precision": 0.1, "bound": "runner-up"},
        {"mode": "decide", "radius": 0.2, "family_size": 3},
        {"mode": "anytime"},
        {"mode": "predict"},
    ],
)
def test_a_spec_survives_its_json(make_spec: Any, asked: Any) -> None:
    spec = make_spec(params=SmoothingParams(sigma=0.25, **asked))

    assert codec.load_spec(codec.dump_spec(spec)) == spec


def test_a_spec_of_a_release_with_one_mode_is_still_read(make_spec: Any) -> None:
    spec = make_spec()
    record = json.loads(codec.dump_spec(spec))
    for name in ("precision", "radius", "family_size"):
        del record["params"][name]

    assert codec.load_spec(json.dumps(record).encode()) == spec


@pytest.mark.parametrize("text", [b"", b"{}", b"[1]", b'{"id": 3}'])
def test_a_broken_record_has_a_name(text: bytes) -> None:
    with pytest.raises(MalformedRecord):
        codec.load_spec(text)


def test_every_script_ends_up_in_the_package() -> None:
    names = {path.stem for path in (Path(keys.__file__).parent / "lua").glob("*.lua")}

    assert {"common", "submit", "begin", "commit", "finish", "revive"} <= names
