"""The published JSON Schema says what the service writes, by another library."""

from typing import Any

import jsonschema
import pytest

from app.certificates.canonical import parse
from app.certificates.schema import json_schema

VALIDATOR = jsonschema.Draft202012Validator(json_schema())


def valid(document: dict[str, Any]) -> bool:
    return VALIDATOR.is_valid(document)


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema())


def test_a_certificate_of_any_mode_is_valid(document: dict[str, Any], signing: Any) -> None:
    assert list(VALIDATOR.iter_errors(document)) == []
    assert valid(parse(signing.sign(document).document()))
    assert valid(document | {"issuer": "Example lab"})
    old = {name: value for name, value in document.items() if name != "attempts"}
    assert valid(old | {"schema_version": 1})
    assert valid(document | {"schema_version": 2})


def test_a_member_too_few_or_too_many_is_not(document: dict[str, Any]) -> None:
    for name in document:
        if name == "family_size":
            continue
        assert not valid({key: value for key, value in document.items() if key != name}), name
    assert not valid(document | {"note": ""})
    assert not valid(document | {"schema_version": 1})
    assert not valid(document | {"schema_version": 4})


@pytest.mark.parametrize(
    "change",
    [
        {"radius": -1},
        {"radius": "0.5"},
        {"alpha": 1},
        {"n": 0},
        {"n": 1_000_001},
        {"counts": {"estimation": {"03": 5}}},
        {"counts": {"other": {}}},
        {"mode": "guess"},
        {"issuer": ""},
        {"issued_at": "yesterday"},
        {"family_size": 1},
    ],
)
def test_values_out_of_range_are_not(document: dict[str, Any], change: dict[str, Any]) -> None:
    assert not valid(document | change)
