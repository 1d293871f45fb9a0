"""The part of `dmae verify --replay` that has the secret, and starts what draws."""

import base64
import json
import random
import re
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from app.certificates.errors import KeyUnusable
from app.certificates.evidence import made_again
from app.certificates.replaying import Redrawn, choose, judge, noise_key
from app.certificates.report import Check, Report
from app.certificates.schema import DOCUMENTS, Document
from app.certificates.verification import read
from app.commands.keys import open_store
from app.embedded.part import how_it_ended
from app.embedded.parts import ROOT
from app.embedded.settings import environment_with
from app.settings import settings_from_environment
from jobs.keys import secret_from_text
from jobs.store import kept_secret
from model_store.errors import ImageTooLarge
from model_store.registry import BUNDLED

_RUNTIME = re.compile(
    r"(?P<RUNTIME>\w+) .*?(?:(?P<STREAMS>\d+) streams of )?(?P<BATCH_SIZE>\d+) rows, "
    r"(?P<TORCH_THREADS>\d+) threads"
)


def replayed(
    report: Report,
    content: bytes,
    image: bytes,
    *,
    chunks: int,
    store: Path | None,
    state_dir: Path | None,
) -> Report:
    """The report with what came of drawing some chunks again.

    Args:
        report: So far nothing was wrong.
        content: The certificate.
        image: The upload.
        chunks: How many.
        store: Of the models; None for those that come along.
        state_dir: Of the service whose secret it is.

    Raises:
        EmbeddedError: The store that keeps the secret is away.
        AppError: A setting cannot be used.
        KeyUnusable: There is no secret.
    """
    document = read(content).document
    said = DOCUMENTS.validate_python(document)
    key = noise_key(document, said, _secret(state_dir))
    if key is None:
        detail = "the noise was made from another secret than that of this service"
        return _with(report, Check(name="replay", passed=None, detail=detail))
    ranges = choose(said, chunks, random.SystemRandom())
    try:
        tensor = made_again(said.image, image).tensor
    except ImageTooLarge as error:
        return _with(report, Check(name="replay", passed=None, detail=f"not done: {error}"))
    answer = _drawn(
        said,
        {
            "store": str((store or BUNDLED).absolute()),
            "model": said.model.id,
            "function_sha256": said.model.function_sha256,
            "tensor": base64.b64encode(tensor.tobytes()).decode("ascii"),
            "shape": list(tensor.shape),
            "sigma": said.sigma,
            "numerics": said.numerics,
            "key": key.hex(),
            "ranges": [asdict(each) for each in ranges],
        },
    )
    if "problem" in answer:
        return _with(report, Check(name="replay", passed=None, detail=answer["problem"]))
    return _with(report, judge(said, ranges, Redrawn(**answer)))


def _with(report: Report, check: Check) -> Report:
    return replace(report, checks=(*report.checks, check))


def _secret(state_dir: Path | None) -> bytes:
    given = settings_from_environment().dmae_secret
    if given is not None:
        return secret_from_text(given.get_secret_value())
    with open_store(state_dir) as runner:
        kept = runner.run(kept_secret())
    if kept is None:
        raise KeyUnusable("the store has no secret; name it in DMAE_SECRET")
    return kept


def _drawn(said: Document, asked: dict[str, Any]) -> dict[str, Any]:
    """What `worker.replay` answers: in a process of its own, since this one knows no torch.

    It is told to use the runtime of the certificate, as far as that tells.
    """
    found = _RUNTIME.match(said.model.runtime)
    wanted = {} if found is None else found.groupdict()
    named = {f"WORKER_{name}": value for name, value in wanted.items() if value is not None}
    done = subprocess.run(
        [sys.executable, "-m", "worker.replay"],
        input=json.dumps(asked),
        env=environment_with(named),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        last = done.stderr.strip().rpartition("\n")[2]
        why = last or f"their process {how_it_ended(done.returncode)}"
        return {"problem": f"the draws could not be made: {why}"}
    return json.loads(done.stdout)
