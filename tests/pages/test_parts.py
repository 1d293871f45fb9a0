"""Files, pictures and code that the pages offer."""

import html
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from app.pages.assets import STATIC, files, fingerprint
from app.pages.rendering import POLICY

pytestmark = [pytest.mark.redis]

ROOT = Path(__file__).parents[2]
TEMPLATES = STATIC.parent / "templates"


def test_the_script_is_small() -> None:
    assert len((STATIC / "page.js").read_bytes()) <= 15_000


def test_nothing_is_asked_of_another_origin() -> None:
    sources = [*TEMPLATES.glob("*.html"), STATIC / "page.js", STATIC / "page.css"]

    assert [path.name for path in sources if "//" in path.read_text().replace("// ", "")] == []


def test_the_examples_are_those_of_the_repository() -> None:
    for path in (ROOT / "examples" / "images").glob("*.jpg"):
        assert (STATIC / "examples" / path.name).read_bytes() == path.read_bytes()


def test_a_file_may_be_kept_for_ever_under_its_own_address(site: Any) -> None:
    for name in files():
        answer = site.get(f"/static/{fingerprint()}/{name}")
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"


def test_a_page_of_another_version_gets_its_files_but_may_not_keep_them(site: Any) -> None:
    answer = site.get("/static/0123456789abcdef/page.css")

    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-cache")


@pytest.mark.parametrize("path", ["/static/0123456789abcdef/page.css", "/docs/docs.js", "/docs"])
def test_whoever_has_a_file_is_told_so_and_else_gets_all_of_it(site: Any, path: str) -> None:
    whole = site.get(path)

    again = site.get(path, headers={"If-None-Match": whole.headers["etag"]})
    other = site.get(path, headers={"If-None-Match": '"another"'})
    ranges = [site.get(path, headers={"Range": f"bytes={sent}"}) for sent in ("0-9", "x", "-0")]

    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == whole.headers["etag"]
    assert again.headers["cache-control"] == whole.headers["cache-control"]
    for answer in (other, *ranges):
        assert (answer.status_code, answer.content) == (200, whole.content)


@pytest.mark.parametrize("name", ["none.css", "../templates/base.html", "..%2f..%2fmain.py", ""])
def test_nothing_else_is_served(site: Any, name: str) -> None:
    assert site.get(f"/static/{fingerprint()}/{name}").status_code == 404


@pytest.mark.parametrize("path", ["/", "/ui/jobs", "/ui/login", "/ui/nothing"])
def test_a_page_may_run_only_our_scripts_and_is_framed_nowhere(site: Any, path: str) -> None:
    policy = site.get(path).headers["content-security-policy"]

    assert policy == POLICY
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy


@pytest.fixture
def certified(site: Any, picture: Callable[..., bytes]) -> str:
    job = site.certify(picture(41))
    site.worker.work()
    return job


def pixels(site: Any, job: str, name: str) -> Any:
    answer = site.get(f"/jobs/{job}/pictures/{name}.png")
    assert answer.headers["content-type"] == "image/png", answer.text
    assert answer.headers["cache-control"].startswith("private")
    return np.asarray(Image.open(BytesIO(answer.content)), dtype=np.int64)


def test_the_pictures_are_of_the_certified_tensor(site: Any, certified: str) -> None:
    shown, noised, changed = (
        pixels(site, certified, name) for name in ("input", "noisy", "perturbed")
    )

    assert shown.shape == noised.shape == changed.shape == (32, 32, 3)
    difference = np.linalg.norm((changed - shown) / 255)
    assert difference == pytest.approx(
        site.get(f"/jobs/{certified}").json()["certificate"]["radius"], abs=0.1
    )
    assert 20 < np.abs(noised - shown).mean() < 60


def test_the_noisy_picture_is_the_same_each_time(site: Any, certified: str) -> None:
    once, twice = (pixels(site, certified, "noisy") for _ in range(2))

    assert (once == twice).all()


def test_there_is_no_picture_of_a_radius_that_is_not_there(site: Any, picture: Any) -> None:
    waiting = site.certify(picture(42))
    early = site.get(f"/jobs/{waiting}/pictures/perturbed.png")
    site.worker.doubt = 10
    site.worker.work()
    never = site.get(f"/jobs/{waiting}/pictures/perturbed.png")
    odd = site.get(f"/jobs/{waiting}/pictures/odd.png")

    assert [answer.status_code for answer in (early, never, odd)] == [409, 404, 422]


def test_a_result_stays_true_whatever_is_asked_after_it(site: Any, picture: Any) -> None:
    first = site.certify(picture(43))
    site.worker.work()
    site.certify(picture(43), n="1001")
    site.worker.work()

    assert "By then, no other question had been asked" in site.get(f"/ui/jobs/{first}").text


def test_the_ceiling_is_not_that_of_the_draws_that_were_planned(site: Any, picture: Any) -> None:
    site.worker.doubt = 0
    job = site.certify(picture(44), mode="adaptive", n="2000")
    site.worker.work()
    certificate = site.get(f"/jobs/{job}").json()["certificate"]

    page = site.get(f"/ui/jobs/{job}").text

    assert certificate["radius"] < certificate["radius_ceiling"]
    assert "from n = 2,000 draws that all agree" in page


@pytest.mark.slow
def test_on_paper_a_result_keeps_what_it_does_not_say(visit: Any, certified: str) -> None:
    page = visit(f"/ui/jobs/{certified}")

    page.emulate_media(media="print")

    assert page.get_by_text("It does not say that the class is right").is_visible()
    assert not page.get_by_text("The same request as code").is_visible()


def test_only_what_proves_something_is_called_a_proof(site: Any, picture: Any) -> None:
    site.worker.doubt = 10
    job = site.certify(picture(45))
    site.worker.work()

    assert "<h2>The document, to keep</h2>" in site.get(f"/ui/jobs/{job}").text


def test_a_result_leads_to_the_document_the_signature_and_the_report(
    site: Any, certified: str
) -> None:
    page = site.get(f"/ui/jobs/{certified}").text

    for path in ("certificate", "certificate.jws", "report"):
        assert f'href="/jobs/{certified}/{path}"' in page
        assert site.get(f"/jobs/{certified}/{path}").status_code == 200


def test_a_comparison_tells_what_was_asked_from_what_was_shown(site: Any, picture: Any) -> None:
    site.worker.doubt = 10
    job = site.certify(picture(43), mode="decide", radius=0.2, n="")
    site.worker.work()

    page = site.get(f"/ui/compare?job={job}").text

    for name in ("class", "radius", "original radius"):
        assert f'<th scope="row">{name}</th><td>none</td>' in page
    assert '<th scope="row">radius asked about</th><td>0.2</td>' in page


def code_of(page: str, name: str) -> str:
    found = re.search(rf'<pre id="{name}".*?<code>(.*?)</code>', page, re.DOTALL)
    assert found is not None
    return html.unescape(found[1])


SHELL, PYTHON = ["sh", "-ec"], [sys.executable, "-c"]


@pytest.mark.parametrize(
    ("name", "interpreter", "asked"),
    [
        ("curl", SHELL, {"mode": "adaptive", "bound": "runner-up"}),
        ("curl", SHELL, {"mode": "decide", "radius": 0.1, "n": ""}),
        ("python", PYTHON, {"mode": "decide", "radius": 0.1, "n": ""}),
        ("command", SHELL, {}),
    ],
)
def test_the_code_makes_exactly_this_request(
    site: Any, picture_file: Path, name: str, interpreter: list[str], asked: dict[str, Any]
) -> None:
    job = site.certify(picture_file.read_bytes(), **asked)
    site.worker.work()

    code = code_of(site.get(f"/ui/jobs/{job}").text, name)
    code = code.replace("dmae certify", f"{shlex.quote(sys.executable)} -m app.cli certify")
    done = subprocess.run(
        [*interpreter, code],
        cwd=picture_file.parent,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    jobs = httpx.get(f"{site.url}/jobs").json()["jobs"]
    assert len(jobs) == 2
    assert jobs[0]["cached"]
    assert jobs[0]["params"] == jobs[1]["params"]
