"""The OpenAPI document is complete, and the page that shows it loads nothing from elsewhere."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from app.certify_form import CertifyForm
from app.problem_kinds import KINDS
from jobs.caller import Quota

pytestmark = [pytest.mark.anyio, pytest.mark.redis]

METHODS = {"get", "post", "put", "delete", "patch"}
EVERYWHERE = {
    *("cache-control", "content-length", "content-type", "content-security-policy"),
    *("cross-origin-resource-policy", "referrer-policy", "x-content-type-options", "x-request-id"),
}


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if method in METHODS:
                yield path, method, operation


def unnamed(document: dict[str, Any], path: str, answer: Any) -> set[str]:
    """Headers of an answer that its operation does not name, but for those of every answer."""
    responses = document["paths"][path][answer.request.method.lower()]["responses"]
    named = {name.lower() for name in responses[str(answer.status_code)].get("headers", {})}
    return set(answer.headers) - named - EVERYWHERE


@pytest.fixture
async def document(service: Any) -> dict[str, Any]:
    return (await service.http.get("/openapi.json")).json()


async def test_every_route_is_documented(document: dict[str, Any]) -> None:
    found = {(method, path) for path, method, _ in operations(document)}

    assert found >= {
        ("post", "/certify"),
        ("put", "/jobs/{job_id}"),
        ("get", "/jobs"),
        ("get", "/jobs/{job_id}"),
        ("get", "/jobs/{job_id}/events"),
        ("delete", "/jobs/{job_id}"),
        ("post", "/jobs/{job_id}/cancel"),
        ("get", "/jobs/{job_id}/certificate"),
        ("get", "/models"),
        ("get", "/models/{model_id}"),
        ("get", "/livez"),
        ("get", "/healthz"),
        ("get", "/readyz"),
    }


async def test_every_header_is_documented(
    service: Any, document: dict[str, Any], make_key: Any, picture: Any
) -> None:
    certify = {"data": {"sigma": 0.25, "n": 900}, "files": {"image": picture()}}
    once = make_key(quota=Quota(requests_per_minute=1))
    mine, reader = ({"X-API-Key": key} for key in (once, make_key("read")))
    made = await service.http.post("/certify", headers=mine, **certify)
    job = made.headers["location"]

    answers = [
        ("/certify", made),
        ("/certify", await service.http.post("/certify", headers=reader, **certify)),
        ("/certify", await service.http.post("/certify", **certify)),
        ("/certify", await service.http.post("/certify", headers=mine, **certify)),
        ("/jobs/{job_id}", await service.http.get(job, headers={**mine, "If-None-Match": "*"})),
        ("/jobs/{job_id}/cancel", await service.http.post(f"{job}/cancel", headers=mine)),
    ]

    assert [answer.status_code for _, answer in answers] == [202, 403, 401, 429, 304, 200]
    assert [unnamed(document, path, answer) for path, answer in answers] == [set()] * 6


async def test_the_document_is_the_same_however_often_it_is_read(
    service: Any, document: dict[str, Any]
) -> None:
    again = [await service.http.get("/openapi.json") for _ in range(2)]

    assert [answer.json() for answer in again] == [document, document]


async def test_every_error_answer_is_a_problem(document: dict[str, Any]) -> None:
    errors = [
        (path, status, list(response["content"]))
        for path, _, operation in operations(document)
        for status, response in operation["responses"].items()
        if int(status) >= 400
    ]

    assert errors
    assert all(content == ["application/problem+json"] for _, _, content in errors), errors


async def test_every_kind_of_problem_is_documented_somewhere(document: dict[str, Any]) -> None:
    documented = {
        slug
        for _, _, operation in operations(document)
        for response in operation["responses"].values()
        for content in response.get("content", {}).values()
        for slug in content.get("examples", {})
    }

    assert documented == set(KINDS) - {"not-found", "method-not-allowed"}


async def test_every_operation_can_fail_as_any_request_can(document: dict[str, Any]) -> None:
    for _, _, operation in operations(document):
        assert {"413", "421", "500"} <= set(operation["responses"])


async def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]

    names = set(re.findall(r"'#/components/schemas/(\w+)'", str(document)))

    assert names <= set(schemas)
    assert "Problem" in names
    assert "HTTPValidationError" not in schemas


async def test_the_form_shows_all_its_fields(document: dict[str, Any]) -> None:
    body = document["paths"]["/certify"]["post"]["requestBody"]
    form = body["content"]["multipart/form-data"]["schema"]

    assert set(form["properties"]) == {"image", *CertifyForm.model_fields}
    assert form["required"] == ["image", "sigma"]
    assert form["properties"]["n"]["type"] == "integer"
    assert form["properties"]["mode"]["default"] == "adaptive"
    assert form["properties"]["model"]["examples"] == ["tiny.colours"]


async def test_every_mode_has_an_example_that_the_service_takes(
    service: Any, document: dict[str, Any], picture: Any
) -> None:
    body = document["paths"]["/certify"]["post"]["requestBody"]
    examples = body["content"]["multipart/form-data"]["examples"]

    assert set(examples) == {"adaptive", "fixed", "decide", "anytime", "predict"}
    for mode, example in examples.items():
        fields = {"mode": "adaptive", **example["value"]}
        del fields["image"]
        job = (await service.certify(picture(), **fields)).json()
        assert job["params"]["mode"] == mode


async def test_the_page_loads_nothing_from_elsewhere(service: Any) -> None:
    page = await service.http.get("/docs")

    sources = re.findall(r'(?:src|href|data-openapi)="([^"]+)"', page.text)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "http" not in page.text.replace("httpEquiv", "")
    assert "<script>" not in page.text
    for source in sources:
        answer = await service.http.get(f"/{source}") if source != "data:," else page
        assert answer.status_code == 200


async def test_the_page_may_run_only_our_scripts(service: Any) -> None:
    policy = (await service.http.get("/docs")).headers["content-security-policy"]

    directives = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert directives["default-src"] == "'none'"
    assert directives["script-src"] == "'self'"
    assert directives["connect-src"] == "'self'"
    assert "http" not in policy


async def test_there_is_no_redoc(service: Any) -> None:
    assert (await service.http.get("/redoc")).status_code == 404
