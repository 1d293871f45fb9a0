"""Compiled code is kept where nobody else can put theirs."""

import os
import stat
from pathlib import Path

import pytest
from torch import nn

from model_store.compiling import compiled
from model_store.settings import FOLDER


@pytest.fixture(autouse=True)
def chosen_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER, "")  # so that it is as before in the end
    monkeypatch.delenv(FOLDER)


def mode(folder: Path) -> int:
    return stat.S_IMODE(folder.stat().st_mode)


def test_code_is_kept_in_a_folder_of_one_s_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    compiled(nn.Identity())

    folder = Path(os.environ[FOLDER])
    assert folder == tmp_path / "dmae" / "inductor"
    assert mode(folder) == 0o700


def test_a_folder_that_others_may_write_is_closed_to_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = tmp_path / "dmae" / "inductor"
    folder.mkdir(parents=True)
    folder.chmod(0o777)

    compiled(nn.Identity())

    assert mode(folder) == 0o700


def test_where_there_can_be_none_it_is_one_that_nobody_could_foresee(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    compiled(nn.Identity())

    folder = Path(os.environ[FOLDER])
    assert folder.parent == tmp_path
    assert folder.name.startswith("dmae-inductor-")
    assert mode(folder) == 0o700


def test_a_folder_that_was_chosen_stays(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(FOLDER, str(tmp_path))

    compiled(nn.Identity())

    assert os.environ[FOLDER] == str(tmp_path)
