"""The container files keep to the schema, to each other and to the rules of hardening."""

import json
import os
import re
import subprocess
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from app.settings import AppSettings, variable_names
from worker.settings import WorkerSettings

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
OURS = ("redis", "app", "worker", "worker-gpu")
AROUND = {
    "caddy": "https",
    "prometheus": "observability",
    "grafana": "observability",
    "flower": "flower",
}
SERVICES = (*OURS, *AROUND)


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
    # The kernel runs no program whose file has a capability that its container dropped.
    assert service.get("cap_add", []) == (["NET_BIND_SERVICE"] if name == "caddy" else [])
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert {"pids_limit", "mem_limit", "restart", "stop_grace_period"} <= set(service)


@pytest.mark.parametrize(("name", "profile"), [("worker-gpu", "gpu"), *AROUND.items()])
def test_what_is_not_needed_is_started_when_asked_for(
    compose: dict[str, Any], name: str, profile: str
) -> None:
    assert compose["services"][name]["profiles"] == [profile]


@pytest.mark.parametrize("name", [name for name in SERVICES if name not in {"app", "flower"}])
def test_every_service_says_whether_it_is_healthy_here_or_in_its_image(
    compose: dict[str, Any], name: str
) -> None:
    service = compose["services"][name]

    assert "healthcheck" in service or "build" in service


def test_every_image_can_be_pinned(compose: dict[str, Any]) -> None:
    foreign = [it["image"] for it in compose["services"].values() if "build" not in it]

    assert all(re.fullmatch(r"\$\{[A-Z]+_IMAGE:-[^}]+\}", image) for image in foreign)


def test_settings_that_compose_sets_are_settings(compose: dict[str, Any]) -> None:
    of_workers = {f"WORKER_{name.upper()}" for name in WorkerSettings.model_fields}
    given = {name for it in compose["services"].values() for name in it.get("environment", ())}

    assert {name for name in given if name.startswith("APP_")} <= set(variable_names())
    assert {name for name in given if name.startswith("WORKER_")} <= of_workers


def test_nobody_asks_without_a_key_unless_the_operator_says_so(compose: dict[str, Any]) -> None:
    environment = compose["services"]["app"]["environment"]

    assert environment["APP_KEYS"] == "${APP_KEYS:-required}"
    assert environment["APP_METRICS_OPEN"] == "${APP_METRICS_OPEN:-false}"


def test_the_keys_that_sign_outlive_a_container(compose: dict[str, Any]) -> None:
    app = compose["services"]["app"]

    assert app["environment"]["APP_SIGNING_KEYS_DIR"] == "/srv/signing"
    assert "signing-keys:/srv/signing" in app["volumes"]
    assert "--chown=10001:10001 --chmod=700 /srv/signing /srv/signing" in dockerfile()


@pytest.mark.parametrize("name", ["grafana", "flower"])
def test_consoles_are_published_here_only_and_do_not_start_without_a_password(
    compose: dict[str, Any], name: str
) -> None:
    service = compose["services"][name]

    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    assert 'test -n "$$' in service["command"][0]


def test_the_store_is_on_no_network_that_leads_out(compose: dict[str, Any]) -> None:
    inside = {name for name, it in compose["networks"].items() if it.get("internal")}

    assert set(compose["services"]["redis"]["networks"]) <= inside
    assert compose["services"]["worker"]["networks"] == ["inner"]
    assert compose["services"]["prometheus"]["networks"] == ["watch"]


def test_the_app_believes_the_proxy_s_network_and_prometheus_s_name(
    compose: dict[str, Any],
) -> None:
    app, caddy = compose["services"]["app"], compose["services"]["caddy"]
    environment = app["environment"]
    (config,) = compose["networks"]["front"]["ipam"]["config"]

    assert environment["FORWARDED_ALLOW_IPS"].endswith(f":-{config['subnet']}}}")
    assert set(app["networks"]) & set(caddy["networks"]) == {"front"}
    assert environment["APP_ALLOWED_HOSTS"].endswith(",app}")
    assert "app:8000" in (ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text("utf-8")


@pytest.mark.parametrize("service", ["caddy", "prometheus", "grafana", "flower"])
def test_every_file_that_is_mounted_exists(compose: dict[str, Any], service: str) -> None:
    volumes = compose["services"][service]["volumes"]
    mounted = [volume.split(":") for volume in volumes if volume.startswith("./")]

    assert mounted
    assert all((ROOT / source).exists() and mode == "ro" for source, _, mode in mounted)


def test_uploads_may_end_before_the_web_process_is_killed(compose: dict[str, Any]) -> None:
    app = compose["services"]["app"]
    (graceful,) = re.findall(r'"--timeout-graceful-shutdown", "(\d+)"', dockerfile())
    (drain,) = re.findall(r"\d+", app["environment"]["APP_DRAIN_S"])
    body_s = AppSettings.model_fields["body_timeout_s"].default

    assert body_s < int(graceful) < int(graceful) + int(drain) < int(app["stop_grace_period"][:-1])


def test_the_largest_images_uploads_and_evaluations_fit_into_the_web_process(
    compose: dict[str, Any],
) -> None:
    default = {name: field.default for name, field in AppSettings.model_fields.items()}
    images = 20 * default["decode_threads"] * default["max_image_pixels"]
    # Two at a time, each with what its archive unpacks to.
    sets = 2 * 2 * default["max_evaluation_bytes"]
    bodies = 2 * default["max_held_bytes"]

    limit = int(compose["services"]["app"]["mem_limit"].removesuffix("g")) << 30

    assert (130 << 20) + images + sets + bodies < limit


def test_the_store_is_reached_from_inside_only_and_with_a_password(compose: dict[str, Any]) -> None:
    store = compose["services"]["redis"]

    assert ("ports" in store, store["networks"]) == (False, ["inner"])
    assert compose["networks"]["inner"] == {"internal": True}
    assert store["environment"]["REDIS_PASSWORD"].startswith("${REDIS_PASSWORD:?")
    assert "appendonly yes" in store["command"][0]
    assert "noeviction" in store["command"][0]


@pytest.mark.parametrize(
    ("name", "program"),
    [("redis", "valkey-server"), ("grafana", "/run.sh"), ("flower", "celery")],
)
def test_what_a_shell_starts_takes_the_shell_s_place_and_so_gets_its_signals(
    compose: dict[str, Any], tmp_path: Path, name: str, program: str
) -> None:
    command = compose["services"][name]["command"][0].replace("$$", "$")
    stand_in = tmp_path / "program"
    stand_in.write_text('#!/bin/sh\necho "$$ $*"\n[ "$1" != - ] || cat\n')
    stand_in.chmod(0o700)
    names = ("REDIS_PASSWORD", "REDIS_MAXMEMORY", "GF_SECURITY_ADMIN_PASSWORD", "FLOWER_BASIC_AUTH")

    process = subprocess.Popen(
        ["sh", "-c", command.replace(program, str(stand_in))],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | dict.fromkeys(names, "pass-word"),
    )
    said = process.communicate(timeout=30)[0].splitlines()

    assert said[0].split()[0] == str(process.pid)
    assert "pass-word" not in said[0]
    if name == "redis":
        assert {"requirepass pass-word", "maxmemory pass-word", 'save ""'} <= set(said[1:])


def test_without_a_profile_only_the_web_process_is_published_and_only_here(
    compose: dict[str, Any],
) -> None:
    published = {
        name: it["ports"]
        for name, it in compose["services"].items()
        if "ports" in it and "profiles" not in it
    }

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


def test_the_app_image_has_the_command_that_makes_keys() -> None:
    assert "from app.cli import main" in dockerfile()
    assert "/opt/venv/bin/dmae" in dockerfile()


def test_the_default_base_is_the_same_everywhere() -> None:
    defaults = re.findall(r"BASE_IMAGE(?:=|:-)(python:[^}\n]+)", f"{dockerfile()}\n{COMPOSE}")

    assert set(defaults) == {"python:3.11-slim-bookworm"}


def test_the_app_image_has_no_torch() -> None:
    lock = (ROOT / "requirements" / "app.txt").read_text(encoding="utf-8")

    assert not re.search(r"^(torch|timm|torchvision|nvidia-)", lock, re.MULTILINE)


@pytest.mark.parametrize(
    ("file", "limit"),
    [("Caddyfile", r"max_size (\d+)MiB"), ("nginx.conf", r"client_max_body_size (\d+)m;")],
)
def test_the_proxies_pass_on_all_that_the_web_process_takes(file: str, limit: str) -> None:
    text = (ROOT / "deploy" / "proxy" / file).read_text(encoding="utf-8")
    names = ("max_upload_bytes", "max_evaluation_bytes")
    taken = [AppSettings.model_fields[name].default for name in names]

    passed = sorted(int(number) << 20 for number in re.findall(limit, text))

    # The fields of the form come on top.
    assert [most - least >> 16 > 0 for most, least in zip(passed, taken, strict=True)] == [True] * 2
