"""The commands that set up a competition of one's own, and those that answer without an experiment."""

from pathlib import Path

from conftest import write_csvs
from swapdae.base.paths import Paths
from test_cli import swapdae


def test_new_sets_up_what_runs_and_says_why(tree: Paths, tmp_path: Path) -> None:
    write_csvs(tmp_path / "mine")
    files = ("--train", str(tmp_path / "mine" / "train.csv"), "--test", str(tmp_path / "mine" / "test.csv"))
    code, out, _ = swapdae("new", "own", *files, "--metric", "mae")
    assert code == 0 and "metric: mae (as told)" in out and "next: swapdae run own" in out
    assert swapdae("download", "own")[0] == 0
    code, _, err = swapdae("new", "own", *files)
    assert code == 1 and err.count("\n") == 1 and "--force" in err
    assert swapdae("new", "own", *files, "--force")[0] == 0


def test_params_of_a_head() -> None:
    code, out, _ = swapdae("params", "ridge")
    assert code == 0 and "| alpha | None" in out
    assert swapdae("params", "forest")[2].startswith("error: unknown kind 'forest'")
