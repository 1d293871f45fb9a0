"""`python -m worker.replay`: makes draws again, for who checks a certificate.

Reads one JSON object from standard input and writes one to standard output. The key of the noise
comes in that way too: command lines and environments are seen by others.
"""

import base64
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

from model_store.errors import ModelNotFound
from model_store.registry import Registry
from smoothing.sampler import Draws, Sampler, count_votes
from smoothing.votes import Phase, Votes
from worker.models import Models, load_models, wishes_of
from worker.settings import WorkerSettings, load_settings


def replay(asked: dict[str, Any], settings: WorkerSettings) -> dict[str, Any]:
    """The votes of some ranges of draws, or the problem that there is with the model.

    Args:
        asked: `store`, `model`, `function_sha256`, `tensor` (base64 of float32 little-endian),
            `shape`, `sigma`, `numerics`, `key` (hex), and `ranges` of phase, start and stop.
        settings: What is to run the model.
    """
    model = asked["model"]
    if settings.torch_threads is not None:
        torch.set_num_threads(settings.torch_threads)
    store = Path(asked["store"])
    try:
        _ = Registry(store).path(model)
    except ModelNotFound as error:
        return {"problem": f"{error}; --model-store names the directory that has it"}
    models = load_models(store, (model,), wishes_of(settings))
    problem = _problem(models, model, asked["function_sha256"])
    if problem is not None:
        return {"problem": problem}
    sampler = models.samplers[model]
    return {
        "runtime": models.info[model].runtime,
        "noise_scheme": sampler.noise_scheme(asked["numerics"]),
        "votes": [_votes(sampler, asked, each).sparse() for each in asked["ranges"]],
    }


def main() -> None:
    """Answers what standard input asks."""
    # What libraries print must not end up in the answer.
    answer, sys.stdout = sys.stdout, sys.stderr
    json.dump(replay(json.load(sys.stdin), load_settings()), answer)


def _problem(models: Models, model: str, function_sha256: str) -> str | None:
    if (problem := models.info[model].problem) is not None:
        return problem
    if models.refs[model].function_sha256 != function_sha256:
        return f"model {model} here is not the one of the certificate"
    return None


def _votes(sampler: Sampler, asked: dict[str, Any], each: dict[str, Any]) -> Votes:
    tensor = np.frombuffer(base64.b64decode(asked["tensor"]), "<f4").reshape(asked["shape"])
    draws = Draws(
        image=tensor.astype(np.float32),
        sigma=asked["sigma"],
        key=bytes.fromhex(asked["key"]),
        phase=Phase(each["phase"]),
        start=each["start"],
        stop=each["stop"],
        numerics=asked["numerics"],
    )
    return sum(count_votes(sampler, draws), start=Votes.none(sampler.num_classes))


if __name__ == "__main__":
    main()
