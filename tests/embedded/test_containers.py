"""The container files keep to the schema, to each other and to the rules of hardening."""

import json
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
SERVICES = ("redis", "app", "worker", "worker-gpu")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return yaml.safe_load(COMPOSE)


def test_compose_keeps_to_the_schema_of_the_compose_specification(compose: dict[str, Any]) -> None:
    schemas = files("check_jsonschema") / "builtin_schemas" / "vendor"
    schema = json.loads((schemas / "compose-spec.json").read_text(encoding="utf-8"))

    jsonschema.validate(compose, schema)


def test_every_service_is_meant(compose: dict[str, Any]) -> None:
    assert tuple(compose["services"]) == SERVICES


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_hardened(compose: dict[str, Any], name: str) -> None:
    service = compose["services"][name]

    assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert {"pids_limit", "mem_limit", "restart", "stop_grace_period"} <= set(service)


def test_the_store_is_reached_from_inside_only_and_with_a_password(compose: dict[str, Any]) -> None:
    store = compose["services"]["redis"]

    assert ("ports" in store, store["networks"]) == (False, ["inner"])
    assert compose["networks"]["inner"] == {"internal": True}
    assert store["environment"]["REDIS_PASSWORD"].startswith("${REDIS_PASSWORD:?")
    assert "appendonly yes" in store["command"][0]
    assert "noeviction" in store["command"][0]


def test_only_the_web_process_is_published_and_only_here(compose: dict[str, Any]) -> None:
    published = {name: it["ports"] for name, it in compose["services"].items() if "ports" in it}

    assert published == {"app": ["${DMAE_PUBLISH:-127.0.0.1:8000}:8000"]}


@pytest.mark.parametrize("name", ["app", "worker", "worker-gpu"])
def test_what_needs_the_store_waits_until_it_is_healthy(compose: dict[str, Any], name: str) -> None:
    service = compose["services"][name]

    assert service["depends_on"] == {"redis": {"condition": "service_healthy"}}
    assert "@redis:6379" in service["environment"]["REDIS_URL"]


def test_every_target_that_is_built_exists_in_the_dockerfile(compose: dict[str, Any]) -> None:
    stages = re.findall(r"^FROM .* AS (\S+)$", dockerfile(), re.MULTILINE)

    targets = {it["build"]["target"] for it in compose["services"].values() if "build" in it}

    assert targets == {"app", "worker"} & set(stages)


def test_every_variable_of_compose_is_in_the_example_with_its_default() -> None:
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    defaults = dict(re.findall(r"^([A-Z_]+)=(.*)$", example, re.MULTILINE))

    used = dict(re.findall(r"\$\{([A-Z_]+):[-?]([^}]*)\}", COMPOSE))

    assert used.pop("REDIS_PASSWORD") == "set it in .env"
    assert defaults.pop("REDIS_PASSWORD") == ""
    assert used == defaults


def dockerfile() -> str:
    return (ROOT / "Dockerfile").read_text(encoding="utf-8")


def test_images_are_made_of_hashed_wheels_and_run_as_nobody_special() -> None:
    text = dockerfile()

    assert text.count("--require-hashes") == text.count("--only-binary :all:") == 2
    assert re.search(r"^USER (\d+):(\d+)$", text, re.MULTILINE)
    assert not re.search(r"apt-get|gcc|build-essential", text)


@pytest.mark.parametrize("stage", ["app", "worker"])
def test_each_image_says_whether_it_is_healthy(stage: str) -> None:
    body = dockerfile().split(f" AS {stage}\n")[1].split("\nFROM")[0]

    assert "HEALTHCHECK" in body


def test_the_default_base_is_the_same_everywhere() -> None:
    defaults = re.findall(r"BASE_IMAGE(?:=|:-)(python:[^}\n]+)", f"{dockerfile()}\n{COMPOSE}")

    assert set(defaults) == {"python:3.11-slim-bookworm"}


def test_the_app_image_has_no_torch() -> None:
    lock = (ROOT / "requirements" / "app.txt").read_text(encoding="utf-8")

    assert not re.search(r"^(torch|timm|torchvision|nvidia-)", lock, re.MULTILINE)
