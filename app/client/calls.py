"""The service's calls as flows: each is written once, for both clients."""

import json
import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, TypeVar
from urllib.parse import quote

import httpx

from app.client.answers import Coverage, EvaluationStatus, ModelInfo, Verification
from app.client.errors import Gone, NoCertificate, ServiceUnreachable, WaitedTooLong
from app.client.flows import (
    LONGEST_PAUSE_S,
    NOT_MODIFIED,
    Call,
    Flow,
    Patience,
    Pause,
    answered,
    asked,
)
from app.client.forms import file_part, once, text_fields
from app.client.views import JSON, Certificate, JobStatus

POLL_S = 10.0
"""One long poll; it ends early whenever the job moves."""

UNHELD_S = 1.0
"""Between long polls that are answered at once, as by a process that is about to stop."""

T = TypeVar("T")
S = TypeVar("S", JobStatus, EvaluationStatus)
Known = JobStatus | EvaluationStatus
PAGE = "100"
"""Jobs of a page, the most there may be."""

Progress = Callable[[JobStatus], object]
Document = Certificate | JSON | str | bytes
"""A certificate, its JSON, read or as text, or a compact JWS."""


class Calls:
    """What can be asked of the service, as flows.

    Args:
        patience: With a service that is full, limited or away.
    """

    def __init__(self, patience: Patience) -> None:
        self._patience = patience

    def submit(
        self, path: str, image: bytes, fields: Mapping[str, Any], key: str | None
    ) -> Flow[JobStatus]:
        """The job for an image, made once however often it has to be asked for."""
        return asked(_form(path, fields, "image", image, key), self._patience, _as(JobStatus))

    def job(self, job_id: str) -> Flow[JobStatus]:
        """A job as it is now."""
        return self._get(_at("jobs", job_id), _as(JobStatus))

    def evaluate(
        self, archive: bytes, fields: Mapping[str, Any], key: str | None
    ) -> Flow[EvaluationStatus]:
        """The evaluation of a zip of labelled images."""
        call = _form("/evaluations", fields, "archive", archive, key)
        return asked(call, self._patience, _as(EvaluationStatus))

    def evaluation(self, evaluation_id: str) -> Flow[EvaluationStatus]:
        """An evaluation as it is now."""
        return self._get(_at("evaluations", evaluation_id), _as(EvaluationStatus))

    def again(self, known: S) -> Flow[S]:
        """A job or evaluation that is known, as it is now."""
        return self._get(known.path, _as(type(known)))

    def text(self, path: str) -> Flow[str]:
        """What is at a path, as text."""
        return self._get(path, lambda answer: answer.text)

    def next_status(
        self, known: S, *, held_s: float = POLL_S, within_s: float = math.inf
    ) -> Flow[S]:
        """A job or evaluation as soon as it is no longer as known, or after `held_s` seconds.

        A service that is away is asked again for `within_s` seconds at most.
        """
        call = Call(
            method="GET",
            path=known.path,
            params={"wait": f"{held_s:.3f}"},
            headers={"If-None-Match": known.etag} if known.etag else {},
            held_s=held_s,
        )

        def view(answer: httpx.Response) -> S:
            if answer.status_code == NOT_MODIFIED:
                return known
            return _as(type(known))(answer)

        began = self._patience.clock()
        found = yield from asked(call, self._patience.for_known.within(within_s), view)
        left = held_s - (self._patience.clock() - began)
        if found.etag == known.etag and left > 0:
            yield Pause(seconds=min(UNHELD_S, left))
        return found

    def end(
        self, known: S, *, timeout_s: float | None, on_progress: Callable[[S], object]
    ) -> Flow[S]:
        """A job or evaluation once it has ended. Raises WaitedTooLong."""
        clock = self._patience.clock
        gives_up = math.inf if timeout_s is None else clock() + timeout_s
        on_progress(known)
        while not known.ended:
            left = gives_up - clock()
            if left <= 0:
                raise WaitedTooLong(f"{known.id} did not end within {timeout_s:g} s; it goes on")
            try:
                known = yield from self.next_status(known, held_s=min(left, POLL_S), within_s=left)
            except ServiceUnreachable as error:
                if clock() + LONGEST_PAUSE_S < gives_up:
                    raise
                # Of a service that restarts, the next try may come too late.
                text = f"{known.id} did not end within {timeout_s:g} s: {error}"
                raise WaitedTooLong(text) from error
            on_progress(known)
        return known

    def certificate(self, ended: JobStatus) -> Flow[Certificate]:
        """The certificate of a job, with the signature where the service signs.

        Raises NoCertificate.
        """
        if ended.certificate is None:
            raise NoCertificate(ended)
        call = Call(method="GET", path=f"{ended.path}/certificate")
        return (yield from asked(call, self._patience.for_known, _certificate))

    def result(
        self, known: JobStatus, *, timeout_s: float | None, on_progress: Progress
    ) -> Flow[Certificate]:
        """The certificate of a job once it has ended. Raises WaitedTooLong, NoCertificate."""
        ended = yield from self.end(known, timeout_s=timeout_s, on_progress=on_progress)
        return (yield from self.certificate(ended))

    def cancel(self, known: S) -> Flow[S]:
        """A job or evaluation after it was asked to stop."""
        call = Call(method="POST", path=f"{known.path}/cancel")
        return asked(call, self._patience, _as(type(known)))

    def delete(self, known: Known) -> Flow[None]:
        """Nothing, once a job or evaluation was erased: now, or by a try whose answer was lost."""
        with suppress(Gone):
            yield from answered(Call(method="DELETE", path=known.path), self._patience)

    def page(self, state: str | None, cursor: str) -> Flow[tuple[list[JobStatus], str | None]]:
        """The jobs of one page, and the cursor of the next."""
        wanted = {"state": state, "cursor": cursor, "limit": PAGE}

        def view(answer: httpx.Response) -> tuple[list[JobStatus], str | None]:
            # Of the link only the cursor is believed: the key goes to no other host.
            link = answer.links.get("next", {}).get("url")
            following = httpx.URL(link).params.get("cursor") if link else None
            return [JobStatus.of(body) for body in answer.json()["jobs"]], following

        return self._get("/jobs", view, **{name: it for name, it in wanted.items() if it})

    def models(self) -> Flow[tuple[ModelInfo, ...]]:
        """The models, the default first."""

        def view(answer: httpx.Response) -> tuple[ModelInfo, ...]:
            found = [ModelInfo.of(body) for body in answer.json()["models"]]
            return tuple(sorted(found, key=lambda model: not model.default))

        return self._get("/models", view)

    def model(self, model_id: str) -> Flow[ModelInfo]:
        """One model."""
        return self._get(_at("models", model_id), lambda answer: ModelInfo.of(answer.json()))

    def verify(self, document: Document) -> Flow[Verification]:
        """What the service says of a certificate."""
        content = _content(document)
        kind = "application/json" if content.lstrip()[:1] == b"{" else "application/jose"
        call = Call(method="POST", path="/verify", content=content, headers={"Content-Type": kind})
        return asked(call, self._patience, lambda answer: Verification.of(answer.json()))

    def covers(self, job_id: str, image: bytes) -> Flow[Coverage]:
        """Whether an image is within a job's certificate."""
        call = Call(
            method="POST", path=_at("jobs", job_id, "covers"), files=[file_part("image", image)]
        )
        return asked(call, self._patience, lambda answer: Coverage.of(answer.json()))

    def quota(self) -> Flow[JSON]:
        """What the key may ask for, and what is left."""
        return self._get("/quota", lambda answer: answer.json())

    def alive(self) -> Flow[bool]:
        """Whether the web process answers."""
        return self._get("/livez", lambda answer: answer.is_success)

    def _get(self, path: str, view: Callable[[httpx.Response], T], **params: str) -> Flow[T]:
        return asked(Call(method="GET", path=path, params=params), self._patience, view)


def _at(*names: str) -> str:
    # An id that holds a slash is a wrong id, and no other path.
    return "".join(f"/{quote(name, safe='')}" for name in names)


def _form(path: str, fields: Mapping[str, Any], part: str, content: bytes, key: str | None) -> Call:
    return Call(
        method="POST",
        path=path,
        data=text_fields(fields),
        files=[file_part(part, content)],
        headers=once(key),
    )


def _as(kind: type[S]) -> Callable[[httpx.Response], S]:
    return lambda answer: kind.of(answer.json(), etag=answer.headers.get("ETag", ""))


def _certificate(answer: httpx.Response) -> Certificate:
    return Certificate.of(answer.json(), answer.content)


def _content(document: Document) -> bytes:
    match document:
        case Certificate():
            return document.content
        case bytes():
            return document
        case str():
            return document.encode()
        case _:
            return json.dumps(dict(document)).encode()
