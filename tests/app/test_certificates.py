"""Certificates over HTTP: their forms, their headers, and what may be asked about them."""

import base64
import hashlib
from pathlib import Path
from typing import Any

import pytest

from app.certificates.keys import read_key_set
from app.certificates.verification import verify
from jobs.connection import make_redis
from jobs.document import certificate_document
from tests.app.acting import certified

pytestmark = [pytest.mark.anyio, pytest.mark.redis]

MODES = {
    "fixed": {"n": 200},
    "adaptive": {"n": 2000},
    "decide": {"n": 2000, "radius": 0.2},
    "anytime": {"n": 200},
    "predict": {"n": 200},
}


@pytest.fixture
async def signed_service(serve: Any, tmp_path: Path) -> Any:
    """A service with a signing key and a name."""
    return await serve(signing_keys_dir=tmp_path / "signing", issuer="Example lab")


async def trusted(service: Any) -> Any:
    return read_key_set((await service.http.get("/.well-known/jwks.json")).content)


@pytest.mark.parametrize("mode", MODES)
async def test_what_is_downloaded_verifies_with_the_published_keys(
    signed_service: Any, worker: Any, picture: Any, mode: str
) -> None:
    http, image = signed_service.http, picture()
    job_id = await certified(signed_service, worker, image, mode=mode, **MODES[mode])
    keys = await trusted(signed_service)

    document = await http.get(f"/jobs/{job_id}/certificate")
    accepted = await http.get(f"/jobs/{job_id}/certificate", headers={"Accept": "application/jose"})
    linked = await http.get(f"/jobs/{job_id}/certificate.jws")

    assert document.headers["content-type"] == "application/json"
    assert accepted.headers["content-type"] == "application/jose"
    assert accepted.content == linked.content
    for answer in (document, accepted):
        report = verify(answer.content, keys, image=image)
        assert report.outcome == "valid", report
        assert [check.name for check in report.checks][-2:] == ["upload", "tensor"]
        served = await http.post("/verify", content=answer.content)
        assert (served.status_code, served.json()["outcome"]) == (200, "valid")
    assert document.json()["issuer"] == "Example lab"


async def test_a_download_says_what_its_bytes_are(
    signed_service: Any, worker: Any, picture: Any
) -> None:
    job_id = await certified(signed_service, worker, picture())
    path = f"/jobs/{job_id}/certificate"

    answer = await signed_service.http.get(path)

    digest = base64.b64encode(hashlib.sha256(answer.content).digest()).decode()
    assert answer.headers["repr-digest"] == f"sha-256=:{digest}:"
    assert answer.headers["content-disposition"].endswith(f'"{job_id}.certificate.json"')
    assert answer.headers["vary"] == "Accept"
    again = await signed_service.http.get(path, headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    jose = await signed_service.http.get(path + ".jws")
    assert jose.headers["etag"] != answer.headers["etag"]


async def test_without_a_key_the_document_is_unsigned_and_the_rest_refused(
    service: Any, worker: Any, picture: Any, problem: Any
) -> None:
    job_id = await certified(service, worker, picture())

    answer = await service.http.get(f"/jobs/{job_id}/certificate")

    assert "signature" not in answer.json()
    assert verify(answer.content, None).outcome == "unchecked"
    refused = [
        await service.http.get(f"/jobs/{job_id}/certificate.jws"),
        await service.http.get(
            f"/jobs/{job_id}/certificate", headers={"Accept": "application/jose;q=1, */*;q=0.1"}
        ),
    ]
    for answer in refused:
        problem(answer, 406, "not-signed")
    assert (await service.http.get("/.well-known/jwks.json")).json() == {"keys": []}


async def test_a_stored_certificate_that_lies_is_not_handed_out(
    signed_service: Any, worker: Any, picture: Any, problem: Any, monkeypatch: Any
) -> None:
    def lying(*args: Any) -> dict[str, Any]:
        return certificate_document(*args) | {"radius": 3.0}

    monkeypatch.setattr(f"{type(worker).__module__}.certificate_document", lying, raising=True)
    job_id = await certified(signed_service, worker, picture(seed=7))

    for path in ("certificate", "certificate.jws", "report"):
        answer = await signed_service.http.get(f"/jobs/{job_id}/{path}")
        assert "radius" not in problem(answer, 409, "certificate-not-proved")["detail"]


async def test_a_job_without_a_certificate_has_none_in_any_form(
    signed_service: Any, worker: Any, picture: Any, problem: Any
) -> None:
    job = (await signed_service.certify(picture())).json()
    http = signed_service.http
    paths = [f"/jobs/{job['id']}/{name}" for name in ("certificate", "certificate.jws", "report")]
    for path in paths:
        problem(await http.get(path), 409, "certificate-not-ready")
    files = {"image": picture()}
    covers = f"/jobs/{job['id']}/covers"
    problem(await http.post(covers, files=files), 409, "certificate-not-ready")

    worker.admit()
    worker.fail(job["id"])

    for path in paths:
        problem(await http.get(path), 404, "no-certificate")
    problem(await http.post(covers, files=files), 404, "no-certificate")
    problem(await http.get("/jobs/nonsense/certificate"), 404, "job-not-found")


async def test_a_changed_certificate_is_called_invalid(
    signed_service: Any, worker: Any, picture: Any
) -> None:
    job_id = await certified(signed_service, worker, picture())
    text = (await signed_service.http.get(f"/jobs/{job_id}/certificate")).content

    for forged in (text.replace(b'"alpha":0.001', b'"alpha":0.002'), text[:-1], b"\xff" * 9):
        answer = await signed_service.http.post("/verify", content=forged)
        assert (answer.status_code, answer.json()["outcome"]) == (200, "invalid")
    assert (await signed_service.http.post("/verify", content=b"")).status_code == 400


async def test_a_body_that_is_too_long_to_be_a_certificate_is_not_read(
    service: Any, problem: Any
) -> None:
    answer = await service.http.post("/verify", content=b"{" * (2 * 1024 * 1024 + 1))

    problem(answer, 413, "body-too-large")


async def test_the_schema_is_published_and_describes_the_document(
    signed_service: Any, worker: Any, picture: Any
) -> None:
    import jsonschema

    job_id = await certified(signed_service, worker, picture())
    document = (await signed_service.http.get(f"/jobs/{job_id}/certificate")).json()

    schema = (await signed_service.http.get("/schemas/certificate.json")).json()

    jsonschema.validate(document, schema)


async def test_a_stored_tensor_that_was_changed_is_neither_measured_from_nor_shown(
    service: Any, worker: Any, picture: Any, problem: Any, redis_url: str
) -> None:
    job_id = await certified(service, worker, picture())
    with make_redis(redis_url) as connection:
        name = f"dmae:job:{{{job_id}}}:image"
        kept = connection.get(name)
        for changed in (kept[::-1], kept[:-4], b""):
            connection.set(name, changed)
            covers = await service.http.post(f"/jobs/{job_id}/covers", files={"image": picture()})
            report = await service.http.get(f"/jobs/{job_id}/report")

            problem(covers, 409, "certificate-not-proved")
            problem(report, 409, "certificate-not-proved")


async def test_a_report_says_it_all_and_loads_nothing(
    signed_service: Any, worker: Any, picture: Any
) -> None:
    job_id = await certified(signed_service, worker, picture())
    document = (await signed_service.http.get(f"/jobs/{job_id}/certificate")).json()
    keys = await trusted(signed_service)

    answer = await signed_service.http.get(f"/jobs/{job_id}/report")

    page, policy = answer.text, answer.headers["content-security-policy"]
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in policy
    style = page.partition("<style>")[2].partition("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in policy
    assert "<script" not in page
    told = [f"http://localhost/{each}" for each in ("jobs/", ".well-known/", "ui/verify")]
    assert page.count("http://") == sum(map(page.count, told))
    for said in ('<html lang="en">', "data:image/png;base64,", "Example lab", *keys):
        assert said in page
    for value in (document["image"]["upload_sha256"], f"{document['radius']:.6f}"):
        assert value in page
    assert "What is not claimed" in page


@pytest.mark.parametrize("mode", MODES)
async def test_every_mode_has_a_report(service: Any, worker: Any, picture: Any, mode: str) -> None:
    job_id = await certified(service, worker, picture(), mode=mode, **MODES[mode])

    page = (await service.http.get(f"/jobs/{job_id}/report")).text

    assert "does not sign" in page
    assert ("without a radius" in page) == (mode == "predict")


async def test_a_label_in_a_report_is_text_and_no_markup(
    service: Any, worker: Any, picture: Any
) -> None:
    """A label of a model is text of an operator: it is no markup."""
    from app.certificates.printed import Printed, printed

    job_id = await certified(service, worker, picture())
    document = (await service.http.get(f"/jobs/{job_id}/certificate")).json()
    document["predicted"]["label"] = "<script>alert(1)</script>"

    page = printed(
        Printed(
            job_id=job_id,
            document=document,
            labels=("<b>",) * 10,
            certificate_sha256="",
            kid=None,
            tensor=None,
            service="http://x",
        )
    )

    assert "<script" not in page
    assert "<b>" not in page
    assert "&lt;script" in page
