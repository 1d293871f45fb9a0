"""`dmae evaluate` and the real application."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from app.cli import cli
from app.client import Client
from app.client.handles import Evaluation
from training.evaluation.table import parse_row

pytestmark = pytest.mark.redis


@pytest.fixture
def dmae(live: str, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Runs a command against the application."""
    monkeypatch.delenv("DMAE_API_KEY", raising=False)

    def run(*arguments: object) -> Result:
        said = [str(each) for each in arguments]
        return CliRunner().invoke(cli, said, env={"DMAE_URL": live})

    return run


@pytest.fixture
def classes(tmp_path: Path, folder: dict[str, bytes]) -> Path:
    """The folder on disk, with a class that the model has not."""
    for name, data in {**folder, "unicorn/d.png": folder["cat/a.png"]}.items():
        file = tmp_path / "classes" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    return tmp_path / "classes"


@pytest.mark.usefixtures("working")
def test_a_folder_of_classes_becomes_a_table_a_file_and_a_picture(
    dmae: Any, classes: Path, tmp_path: Path
) -> None:
    tsv, plot = tmp_path / "cohen.tsv", tmp_path / "curve.svg"

    result = dmae(
        "evaluate", classes, "--sigma", 0.25, "--mode", "fixed", "--n", 200, "--tsv", tsv,
        "--plot", plot,
    )  # fmt: skip

    assert result.exit_code == 0, result.output
    assert "66.7 %              9.4 to 99.2 %" in result.stdout
    assert "3 pictures with a result, 1 without; 1 of another class, 0 abstained" in result.stdout
    assert "unicorn/d.png: 'unicorn' is no label of the model" in result.stderr
    assert [parse_row(line).predict for line in tsv.read_text().splitlines()[1:]] == [3, 3, 3]
    assert plot.read_text().startswith("<svg")


@pytest.mark.usefixtures("worker")
def test_pictures_that_lie_in_no_class_folder_are_told(dmae: Any, classes: Path) -> None:
    (classes / "stray.png").write_bytes((classes / "cat" / "a.png").read_bytes())
    (classes / "cat" / "photo.bmp").write_bytes(b"of another kind")

    result = dmae("evaluate", classes, "--sigma", 0.25, "--detach")

    assert "2 files passed over, such as cat/photo.bmp; taken are" in result.stderr
    assert "in folders of classes" in result.stderr


@pytest.mark.usefixtures("working")
def test_an_evaluation_that_was_left_alone_is_come_back_to(dmae: Any, classes: Path) -> None:
    left = dmae("evaluate", classes, "--sigma", 0.25, "--n", 300, "--detach")

    result = dmae("evaluate", "--resume", left.stdout.strip(), "--json")

    body = json.loads(result.stdout)
    assert (result.exit_code, body["state"], body["id"]) == (0, "succeeded", left.stdout.strip())


@pytest.mark.usefixtures("worker")
def test_what_is_left_to_the_service_is_json_where_that_is_wanted(dmae: Any, classes: Path) -> None:
    left = dmae("evaluate", classes, "--sigma", 0.25, "--detach", "--json")

    assert json.loads(left.stdout)["state"] == "queued"


@pytest.mark.usefixtures("worker")
def test_ctrl_c_cancels_the_evaluation(
    dmae: Any, classes: Path, live: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Evaluation, "wait", interrupted)

    result = dmae("evaluate", classes, "--sigma", 0.25)

    assert result.exit_code == 130
    evaluation_id = result.stderr.split()[1]
    with Client(live) as client:
        assert client.evaluation(evaluation_id).status.state == "cancelled"
    assert "no picture has a result" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "--resume"),
        (["CLASSES", "--resume", "x"], "--resume"),
        (["CLASSES"], "needs --sigma"),
        (["--resume", "x", "--n", "100"], "takes no question"),
        (["CLASSES", "--sigma", "0.25", "--detach", "--tsv", "t.tsv"], "anything to write"),
        (["CLASSES", "--sigma", "0.25", "--plot", "/not/there.svg"], "in none that exists"),
    ],
)
def test_a_command_line_that_means_nothing_is_refused(
    classes: Path, arguments: list[str], said: str
) -> None:
    words = [str(classes) if word == "CLASSES" else word for word in arguments]

    result = CliRunner().invoke(cli, ["evaluate", *words])

    assert result.exit_code == 2
    assert said in result.stderr


def test_what_the_service_refuses_is_said_in_words(dmae: Any, classes: Path) -> None:
    result = dmae("evaluate", classes, "--sigma", 0.3)

    assert result.exit_code == 1
    assert "sigma: tiny.colours was trained for sigma 0.25, 0.5, not 0.3" in result.stderr
