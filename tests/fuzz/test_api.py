"""Schemathesis finds nothing: the service answers as its own document says."""

from pathlib import Path
from typing import Any

import pytest

from tests.fuzz import api

pytestmark = [pytest.mark.redis, pytest.mark.slow]


def test_the_service_answers_as_its_document_says(redis_url: str, model_store: Path) -> None:
    with api.service(redis_url, model_store) as url:
        done = api.run(url, seconds=0, seed=1, examples=8, phases="examples,fuzzing,stateful")

    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2_000:]
    assert "Stateful" in done.stdout


@pytest.mark.anyio
async def test_every_answer_with_an_id_links_to_where_it_leads(service: Any) -> None:
    document = (await service.http.get("/openapi.json")).json()
    operations = {
        operation["operationId"]: path
        for path, methods in document["paths"].items()
        for operation in methods.values()
    }

    links = document["paths"]["/certify"]["post"]["responses"]["202"]["links"]

    assert {operations[name] for name in links} >= {
        "/jobs/{job_id}",
        "/jobs/{job_id}/certificate",
        "/jobs/{job_id}/deliveries",
    }
