"""Rules, dashboard and autoscaling name metrics that the service exports, with labels it has."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.problem_kinds import KINDS
from app.telemetry.exposition import Exposition
from jobs.figures import Figures, Heard
from jobs.record import WorkerInfo, WorkerModel

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
RULES = yaml.safe_load((DEPLOY / "prometheus" / "rules.yml").read_text(encoding="utf-8"))
DASHBOARD = json.loads((DEPLOY / "grafana" / "dashboards" / "dmae.json").read_text("utf-8"))
PAGE = (Path(__file__).resolve().parents[2] / "docs" / "operations.md").read_text("utf-8")
WORDS = {"and", "or", "unless", "by", "without", "on", "ignoring", "bool", "offset"}
OF_PROMETHEUS = {"up"}
"""What Prometheus itself keeps of each target."""

SUFFIXES = {
    "counter": ("_total",),
    "histogram": ("_bucket", "_count", "_sum"),
    "info": ("_info",),
    "gauge": ("",),
}


def everything() -> Figures:
    model = WorkerModel(id="m", weights_sha256="", draws_per_s=1.0, batch_size=1)
    worker = WorkerInfo(
        instance="w",
        hostname="h",
        state="ready",
        started_at=0,
        threads=1,
        device="cpu",
        models=(model,),
        counters={"rows": 1, "room": 1, "forward_s": 1, "ready_s": 1},
    )
    return Figures(
        counters={},
        lines=(),
        workers=(Heard(worker=worker, age_s=0),),
        memory_bytes=1,
        memory_limit_bytes=2,
        deliveries_due=0,
    )


@pytest.fixture(scope="module")
def exported() -> dict[str, set[str]]:
    """Every time series of a scrape, with its labels where a sample shows them."""
    shown = Exposition(version="1", models=("m",), figures=everything(), now=0)
    return {
        family.name + suffix: {label for each in family.samples for label in each.labels}
        for family in shown.collect()
        for suffix in SUFFIXES[family.type]
    }


def rules() -> list[dict[str, Any]]:
    return [rule for group in RULES["groups"] for rule in group["rules"]]


def expressions() -> Iterator[tuple[str, str]]:
    for rule in rules():
        yield rule.get("alert") or rule["record"], rule["expr"]
    for panel in DASHBOARD["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]
    for page in yaml.safe_load_all((DEPLOY / "kubernetes" / "autoscaling.yml").read_text("utf-8")):
        for trigger in page["spec"].get("triggers", ()):
            yield page["kind"], trigger["metadata"]["query"]
        for metric in page["spec"].get("metrics", ()):
            yield page["kind"], metric["external"]["metric"]["name"]


def series(expression: str) -> set[str]:
    """Names of series in a PromQL expression."""
    bare = re.sub(r'"[^"]*"', "", expression)
    bare = re.sub(r"\{[^}]*\}|\[[^]]*\]", "", bare)
    bare = re.sub(r"\b(?:by|without|on|ignoring)\s*\([^)]*\)", "", bare)
    return set(re.findall(r"(?<![\w.])[a-z_][\w:]*(?!\s*\(|[\w:])", bare)) - WORDS


@pytest.mark.parametrize(("where", "expression"), list(expressions()))
def test_every_series_that_is_asked_for_is_exported_or_recorded(
    where: str, expression: str, exported: dict[str, set[str]]
) -> None:
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    found = series(expression)

    assert found
    assert found <= exported.keys() | recorded | OF_PROMETHEUS, where
    assert expression.count("(") == expression.count(")")


@pytest.mark.parametrize(("where", "expression"), list(expressions()))
def test_labels_that_are_matched_exist(
    where: str, expression: str, exported: dict[str, set[str]]
) -> None:
    of_scraping = {"job", "instance", "method", "route", "status", "reason"}
    for name, matchers in re.findall(r"([a-z_]\w*)\{([^}]*)\}", expression):
        labels = set(re.findall(r"(\w+)\s*=~?|!~?", re.sub(r'"[^"]*"', "", matchers))) - {""}
        own = set[str]() if name in OF_PROMETHEUS else exported[name]
        assert labels <= own | of_scraping, where


def test_the_page_on_operations_names_metrics_that_exist(exported: dict[str, set[str]]) -> None:
    named = set(re.findall(r"\bdmae_[a-z_]+\b(?!-)", PAGE))

    assert named
    assert named <= exported.keys()


def test_every_metric_of_ours_says_what_it_is() -> None:
    shown = Exposition(version="1", models=("m",), figures=everything(), now=0)

    undocumented = [family.name for family in shown.collect() if not family.documentation]

    assert undocumented == []


def test_reasons_that_alerts_name_are_kinds_of_problems() -> None:
    named = re.findall(r'reason="([^"]+)"', " ".join(rule["expr"] for rule in rules()))

    assert named
    assert set(named) <= KINDS.keys()


def test_every_alert_says_how_bad_it_is_and_what_to_think_of_it() -> None:
    for rule in rules():
        if "alert" in rule:
            assert rule["labels"]["severity"] in {"page", "ticket"}
            assert rule["annotations"]["summary"].endswith(".")


def test_panels_have_ids_of_their_own_and_do_not_overlap() -> None:
    cells = [
        (panel["gridPos"]["x"] + dx, panel["gridPos"]["y"] + dy)
        for panel in DASHBOARD["panels"]
        for dx in range(panel["gridPos"]["w"])
        for dy in range(panel["gridPos"]["h"])
    ]

    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) < 24
