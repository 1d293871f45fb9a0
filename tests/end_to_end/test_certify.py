"""From an upload to a certificate, through every real component."""

import math
from collections.abc import Callable
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy.stats import beta, norm

pytestmark = [pytest.mark.redis, pytest.mark.slow]

FORMS = [("PNG", (32, 32)), ("JPEG", (1600, 1067)), ("WEBP", (300, 517)), ("PNG", (33, 900))]


def recomputed(document: dict[str, Any]) -> dict[str, float]:
    """Every number of a certificate from its counts, by scipy.stats alone."""
    selection, estimation = document["counts"]["selection"], document["counts"]["estimation"]
    votes = {int(label): count for label, count in selection.items() if label != "invalid"}
    selected = min(votes, key=lambda label: (-votes[label], label))
    k, n = estimation.get(str(selected), 0), document["n"]
    p_lower = float(beta.ppf(document["alpha"], k, n - k + 1)) if k else 0.0
    slack, sigma = document["noise"]["total_variation"], document["sigma"]
    certified = p_lower - slack > 0.5
    ceiling = sigma * norm.ppf(document["alpha"] ** (1 / n) - slack)
    return {
        "selected": selected,
        "p_lower": p_lower,
        "radius": sigma * norm.ppf(p_lower - slack) if certified else 0.0,
        "radius_ceiling": float(ceiling),
        "dimension": math.prod(document["image"]["shape"]),
    }


@pytest.mark.parametrize(("form", "size"), FORMS)
def test_every_number_of_a_certificate_follows_from_its_counts(
    stack: Any, picture: Callable[..., bytes], form: str, size: tuple[int, int]
) -> None:
    job = stack.submit(picture(len(form) + sum(size), size=size, form=form), n=500, n0=50)

    document = stack.wait(job["id"])["certificate"]

    truth = recomputed(document)
    assert sum(document["counts"]["selection"].values()) == 50
    assert sum(document["counts"]["estimation"].values()) == 500
    assert document["p_lower"] == pytest.approx(truth["p_lower"], rel=1e-12)
    assert truth["radius"] - 2e-6 <= document["radius"] <= truth["radius"]
    assert truth["radius_ceiling"] - 2e-6 <= document["radius_ceiling"] <= truth["radius_ceiling"]
    assert 255 * document["radius"] - 2e-6 <= document["radius_255"] <= 255 * truth["radius"]
    assert document["radius_linf"] <= truth["radius"] / math.sqrt(truth["dimension"])
    assert (document["verdict"] == "certified") == (document["radius"] > 0)
    assert document["verdict"] == "abstained" or (
        document["predicted"]["index"] == truth["selected"]
    )


def test_a_picture_reduced_for_the_model_is_safer_in_its_own_pixels(
    stack: Any, picture: Callable[..., bytes]
) -> None:
    """Averaging many pixels into one shortens a perturbation: the original radius is larger."""
    document = stack.wait(stack.submit(picture(7, size=(640, 480)), n=300)["id"])["certificate"]

    assert document["radius"] == 0 or document["radius_original"] > document["radius"]


def test_the_same_request_again_is_answered_from_the_cache(
    stack: Any, picture: Callable[..., bytes]
) -> None:
    first = stack.wait(stack.submit(picture(11), n=200)["id"])

    again = stack.submit(picture(11), n=200)

    assert again["state"] == "succeeded"
    assert again["certificate"] == first["certificate"]


def test_the_same_picture_in_another_file_format_has_the_same_votes(
    stack: Any, picture: Callable[..., bytes]
) -> None:
    """What is certified is the tensor: a lossless copy is the same request."""
    copy = BytesIO()
    Image.open(BytesIO(picture(13))).save(copy, "WEBP", lossless=True)

    png = stack.wait(stack.submit(picture(13), n=200)["id"])["certificate"]
    webp = stack.wait(stack.submit(copy.getvalue(), n=200)["id"])["certificate"]

    assert png["counts"] == webp["counts"]


def test_the_service_counts_as_the_bare_sampler_does(
    stack: Any, picture: Callable[..., bytes], in_process: Callable[..., Any]
) -> None:
    """The same key drawn in this process, without queue, batcher or store: the same votes."""
    image = picture(17)

    document = stack.wait(stack.submit(image, n=700)["id"])["certificate"]

    assert document["counts"] == in_process(image, n=700).counts


def test_a_cancelled_job_ends_and_stays_cancelled(
    stack: Any, picture: Callable[..., bytes]
) -> None:
    job = stack.submit(picture(19), n=100_000)

    cancelled = stack.client.post(f"/jobs/{job['id']}/cancel").raise_for_status().json()

    assert cancelled["state"] == "cancelled"
    assert stack.wait(job["id"])["certificate"] is None


def test_a_small_job_does_not_wait_for_a_large_one(
    stack: Any, picture: Callable[..., bytes]
) -> None:
    large = stack.submit(picture(23), n=100_000)

    small = stack.wait(stack.submit(picture(29), n=100)["id"], seconds=30)

    assert small["state"] == "succeeded"
    assert stack.read(large["id"])["state"] == "running"
    stack.client.delete(f"/jobs/{large['id']}").raise_for_status()
    assert stack.client.get(f"/jobs/{large['id']}").status_code == 410


def test_progress_grows_and_ends_at_what_was_planned(
    stack: Any, picture: Callable[..., bytes]
) -> None:
    job = stack.submit(picture(31), n=3000)
    seen = []
    while (state := stack.read(job["id"]))["state"] in {"queued", "running"}:
        seen.append(state["progress"]["draws_done"])
    seen.append(state["progress"]["draws_done"])

    assert np.all(np.diff(seen) >= 0)
    assert seen[-1] == state["progress"]["draws_planned"] == 3100
