"""Records to and from JSON, for the store."""

import json
import logging
from functools import lru_cache
from typing import Any, TypeVar, cast

from pydantic import TypeAdapter

from jobs.api_key import ApiKey
from jobs.errors import MalformedRecord
from jobs.evaluation_record import EvaluationSpec
from jobs.record import JobSpec, WorkerInfo

T = TypeVar("T")
logger = logging.getLogger(__name__)

_SPEC = TypeAdapter(JobSpec)
_WORKER = TypeAdapter(WorkerInfo)
_KEY = TypeAdapter(ApiKey)
_EVALUATION = TypeAdapter(EvaluationSpec)
_COMPACT = json.JSONEncoder(separators=(",", ":"), allow_nan=False)


def dump_spec(spec: JobSpec) -> bytes:
    """The spec of a job as JSON."""
    return _SPEC.dump_json(spec)


@lru_cache(maxsize=512)
def load_spec(text: bytes) -> JobSpec:
    """The spec of a job; the same object for the same text, which is read again and again.

    Raises:
        MalformedRecord: The text is not of this version.
    """
    return _loaded(_SPEC, text, "job spec")


def dump_worker(info: WorkerInfo) -> bytes:
    """What a worker says about itself, as JSON."""
    return _WORKER.dump_json(info)


def load_worker(text: bytes) -> WorkerInfo | None:
    """What a worker says about itself; None if it is of another version, as in an upgrade."""
    try:
        return _loaded(_WORKER, text, "heartbeat")
    except MalformedRecord:
        logger.warning("a worker of another version is left out")
        return None


def dump_key(key: ApiKey) -> bytes:
    """What is known of an API key, as JSON."""
    return _KEY.dump_json(key)


def load_key(text: bytes) -> ApiKey:
    """What is known of an API key.

    Raises:
        MalformedRecord: The text is not of this version.
    """
    return _loaded(_KEY, text, "API key")


def dump_evaluation(spec: EvaluationSpec) -> bytes:
    """The spec of an evaluation as JSON."""
    return _EVALUATION.dump_json(spec)


def load_evaluation(text: bytes) -> EvaluationSpec:
    """The spec of an evaluation.

    Raises:
        MalformedRecord: The text is not of this version.
    """
    return _loaded(_EVALUATION, text, "evaluation")


def _loaded(adapter: TypeAdapter[T], text: bytes, kind: str) -> T:
    try:
        return adapter.validate_json(text)
    except ValueError as error:
        raise MalformedRecord(f"a stored {kind} cannot be read: {error}") from error


def dump_object(value: dict[str, Any]) -> bytes:
    """A JSON object (certificate document, sparse votes), compact; NaN is refused."""
    return _COMPACT.encode(value).encode()


def load_object(text: bytes) -> dict[str, Any]:
    """A JSON object from its text.

    Raises:
        MalformedRecord: The text is not a JSON object.
    """
    try:
        value: Any = json.loads(text)
    except ValueError as error:
        raise MalformedRecord("a stored object is not JSON") from error
    if not isinstance(value, dict):
        raise MalformedRecord(f"a stored object is a JSON {type(value).__name__}")
    return cast(dict[str, Any], value)
