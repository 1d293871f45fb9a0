"""Files that the service rests on: models with the weights of their cards, and signing keys."""

import hashlib
from pathlib import Path

from app.certificates.errors import KeyUnusable
from app.certificates.key_directory import read_directory, signing_key
from app.doctor.findings import Finding, Findings, fail, ok, warn
from model_store.errors import ModelStoreError
from model_store.registry import Registry


def models(directory: Path) -> Findings:
    """Whether each model has the weights that its card names.

    Args:
        directory: The store.
    """
    registry = Registry(directory)
    if not registry.ids():
        yield fail("models", f"none in {directory}", "name a store with models in MODEL_STORE_DIR")
    for model_id in registry.ids():
        yield _model(registry, model_id)


def signing(directory: Path) -> Finding:
    """Whether certificates can be signed.

    Args:
        directory: Of the keys.
    """
    if not directory.exists():
        return warn(
            "signing keys",
            f"no {directory}: nothing is signed",
            "`dmae serve` makes one; else set APP_SIGNING_KEYS_DIR, and `dmae keys signing new`",
        )
    try:
        keys = read_directory(directory)
    except KeyUnusable as error:
        return fail("signing keys", str(error), f"chmod 700 {directory}; chmod 600 its files")
    if signing_key(keys) is None:
        return warn("signing keys", f"none signs in {directory}", "`dmae keys signing new`")
    return ok("signing keys", f"{len(keys)} in {directory}")


def _model(registry: Registry, model_id: str) -> Finding:
    name = f"model {model_id}"
    try:
        weights = registry.get(model_id).weights
        with (registry.path(model_id) / weights.file).open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except (ModelStoreError, OSError) as error:
        return fail(name, str(error), "put it back as it was exported")
    if digest != weights.sha256:
        return fail(name, "the weights are not those of its card", "put back the right file")
    return ok(name, f"{weights.num_bytes / 1e6:,.1f} MB, sha256 {digest[:12]}...")
