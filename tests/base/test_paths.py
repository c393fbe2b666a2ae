from pathlib import Path

import pytest

from swapdae.base.paths import Paths, here


def test_every_path_follows_from_a_name(tmp_path: Path) -> None:
    paths = Paths(tmp_path)
    assert paths.competition_file("c") == tmp_path / "input" / "c" / "competition.toml"
    assert paths.experiment_file("e") == tmp_path / "experiments" / "e.toml"
    assert paths.stage("e", "heads/ridge") == tmp_path / "oof" / "e" / "heads" / "ridge"
    assert paths.submission("e") == tmp_path / "submissions" / "e.csv"


def test_here_is_the_tree_above_unless_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("experiments", "input", "a/b"):
        (tmp_path / folder).mkdir(parents=True)
    monkeypatch.delenv("SWAPDAE_ROOT", raising=False)
    monkeypatch.chdir(tmp_path / "a" / "b")
    assert here().root == tmp_path
    monkeypatch.setenv("SWAPDAE_ROOT", str(tmp_path / "a"))
    assert here().root == tmp_path / "a"
