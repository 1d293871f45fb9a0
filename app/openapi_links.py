"""Links in the OpenAPI document: where to go with the id that an answer brings."""

from typing import Any

_SOURCES = {
    "job_id": (("/certify", "post"), ("/predict", "post")),
    "evaluation_id": (("/evaluations", "post"),),
}
"""Path parameter -> operations whose answers have its value as `id`."""


def add_links(document: dict[str, Any]) -> None:
    """Links each operation that makes something to all those that ask for its id.

    Args:
        document: Is changed.
    """
    paths = document["paths"]
    for parameter, sources in _SOURCES.items():
        links = _links(paths, parameter)
        for path, method in sources:
            responses = paths.get(path, {}).get(method, {}).get("responses", {})
            for status in {"200", "201", "202"} & set(responses):
                responses[status]["links"] = links


def _links(paths: dict[str, Any], parameter: str) -> dict[str, Any]:
    return {
        operation["operationId"]: {
            "operationId": operation["operationId"],
            "parameters": {parameter: "$response.body#/id"},
            "description": operation.get("summary", ""),
        }
        for path, operations in paths.items()
        for operation in operations.values()
        if f"{{{parameter}}}" in path
    }
