"""Two CSVs become a competition and an experiment that run; nothing of the user's is overwritten."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from conftest import synthetic_frame, write_csvs
from swapdae.base.errors import UserError
from swapdae.base.paths import Paths
from swapdae.competition.config import read_competition
from swapdae.competition.table import read_table
from swapdae.experiment.config import read_experiment
from swapdae.experiment.first import MIN_STEPS, SECONDS, SECONDS_PER_STEP, Size, first_experiment
from swapdae.experiment.new import Sources, new_competition
from swapdae.experiment.shipped import SHIPPED, bring_shipped


@pytest.fixture
def given(tmp_path: Path) -> Sources:
    """The user's files, in a folder of their own; no sample."""
    write_csvs(tmp_path / "mine")
    synthetic_frame(120, 1)[["target"]].rename_axis("id").to_csv(tmp_path / "mine" / "solution.csv")
    return Sources(train=tmp_path / "mine" / "train.csv", test=tmp_path / "mine" / "test.csv")


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths(tmp_path / "tree")


def new(paths: Paths, sources: Sources, force: bool = False, **told: str) -> list[str]:
    said: list[str] = []
    new_competition(paths, "own", sources, told, force=force, say=said.append)
    return said


def test_tomls_load_and_files_are_a_table(paths: Paths, given: Sources) -> None:
    said = new(paths, given)
    competition, experiment = read_competition(paths, "own"), read_experiment(paths, "own")
    table = read_table(competition, paths.input("own"))
    assert (table.n_train, table.n_test, len(table.categorical), len(table.numerical)) == (300, 120, 4, 5)
    assert competition.files.solution is None and experiment.competition == "own" and experiment.uses_dae
    assert all("\n" not in line for line in said)
    for word in ("id: id", "target: target", "task: regression", "metric: rmse", "folds: shuffle", "dae: width"):
        assert any(line.startswith(word) for line in said), word


def test_a_solution_comes_along(paths: Paths, given: Sources) -> None:
    new(paths, given.model_copy(update={"solution": given.train.with_name("solution.csv")}))
    assert read_competition(paths, "own").files.solution == "solution.csv"
    assert (paths.input("own") / "solution.csv").is_file()
    with pytest.raises(UserError, match=r"test\.csv: no column 'target'"):
        new_competition(paths, "other", given.model_copy(update={"solution": given.test}), {})


def test_nothing_is_overwritten_unless_forced(paths: Paths, given: Sources) -> None:
    new(paths, given)
    before = {file: file.read_bytes() for file in paths.root.rglob("*.*")}
    with pytest.raises(UserError, match=r"competition\.toml: is there already; .*--force"):
        new(paths, given, metric="mae")
    assert {file: file.read_bytes() for file in paths.root.rglob("*.*")} == before
    new(paths, given, metric="mae", force=True)
    assert read_competition(paths, "own").metric == "mae"


def test_files_in_their_place_are_refused_even_if_forced(paths: Paths, given: Sources) -> None:
    write_csvs(paths.input("own"))
    there = Sources(train=paths.input("own") / "train.csv", test=given.test)
    before = there.train.read_bytes()
    with pytest.raises(UserError, match="is where the copy goes"):
        new(paths, there, force=True)
    assert there.train.read_bytes() == before


def test_files_that_make_no_table_leave_nothing_behind(paths: Paths, given: Sources) -> None:
    whole = given.test.read_text()
    given.test.write_text(whole + whole.splitlines()[-1] + "\n")
    with pytest.raises(UserError, match=r"test\.csv, line 122, column 'id': .* occurs again"):
        new(paths, given, False, id="id")
    assert [file for file in paths.root.rglob("*") if file.is_file()] == []
    given.test.write_text(whole)
    new(paths, given)


@pytest.mark.parametrize("told", [{"metric": "auc"}, {"metric": "best"}, {"task": "ranking"}])
def test_what_is_told_and_does_not_fit(paths: Paths, given: Sources, told: dict[str, str]) -> None:
    with pytest.raises(UserError):
        new(paths, given, False, **told)
    assert not paths.input("own").exists()


def test_a_file_that_is_not_there_and_a_name_that_is_none(paths: Paths, given: Sources, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.csv: no such file"):
        new(paths, given.model_copy(update={"test": tmp_path / "none.csv"}))
    with pytest.raises(UserError, match=r"name: a name has"):
        new_competition(paths, "../own", given, {})


@pytest.mark.parametrize("n", [40, 400, 4_000, 20_000, 300_000])
def test_sizes_follow_the_rows(n: int) -> None:
    """At least so many steps that the network is trained; no more than the time allows."""
    values, _ = first_experiment("own", Size(n, n // 2, 1))
    training, width = values["dae"]["training"], values["dae"]["body"]["width"]
    steps = training["epochs"] * max(n // training["batch_size"], 1)
    assert steps >= MIN_STEPS
    one_epoch = max(n // training["batch_size"], 1)
    seconds = (steps - one_epoch) * SECONDS_PER_STEP * (width / 1536) ** 2 * training["batch_size"] / 512
    assert seconds <= SECONDS


def test_a_table_without_numbers_has_no_pieces(paths: Paths, tmp_path: Path) -> None:
    """The view `pieces` would be refused; the whole path, from files to an experiment that names views."""
    rng = np.random.default_rng(0)
    columns = {name: rng.choice(["a", "b", "c"], 60) for name in ("colour", "shape")}
    frame = pd.DataFrame({"id": range(60), **columns, "y": rng.normal(size=60)})
    frame[:40].to_csv(tmp_path / "train.csv", index=False)
    frame[40:].drop(columns="y").to_csv(tmp_path / "test.csv", index=False)
    new(paths, Sources(train=tmp_path / "train.csv", test=tmp_path / "test.csv"))
    assert read_experiment(paths, "own").heads["mlp_raw"].features == ("raw",)
    values, _ = first_experiment("own", Size(60, 32, 1))
    assert values["heads"]["mlp_raw"]["features"] == ["raw", "pieces"]


@pytest.mark.parametrize(("n_train", "classes", "refits"), [(20_000, 1, True), (40_000, 1, False), (20_000, 3, False)])
def test_boosting_is_fitted_once_more_where_that_is_cheap(n_train: int, classes: int, refits: bool) -> None:
    values, _ = first_experiment("own", Size(2 * n_train, n_train, classes))
    for kind in ("lightgbm", "xgboost", "catboost"):
        assert values["heads"][kind]["params"].get("refit", False) is refits


@pytest.mark.parametrize("name", ["flights", "flights_random"])
def test_shipped_experiments_are_those_of_the_repository(paths: Paths, name: str) -> None:
    """And are brought once, never over a file that is there."""
    repository = Paths(Path(__file__).parents[2])
    said: list[str] = []
    bring_shipped(paths, name, said.append)
    for file in (f"experiments/{name}.toml", f"input/{name}/competition.toml"):
        assert (paths.root / file).read_bytes() == (repository.root / file).read_bytes()
        assert (SHIPPED.root / file).read_bytes() == (repository.root / file).read_bytes()
    assert len(said) == 2 and read_experiment(paths, name).competition == name
    paths.experiment_file(name).write_text("mine")
    bring_shipped(paths, name, said.append)
    bring_shipped(paths, "tinny", said.append)
    assert paths.experiment_file(name).read_text() == "mine" and len(said) == 2


def test_parquet_files_and_several_targets(paths: Paths, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    train, test = (synthetic_frame(n, seed).rename_axis("id").reset_index() for n, seed in ((300, 0), (120, 1)))
    test = test.drop(columns="target").assign(id=test["id"] + 300)
    train.assign(second=2 * train["target"]).to_parquet(tmp_path / "a.parquet", index=False)
    test.to_parquet(tmp_path / "b.parquet", index=False)
    test[["id"]].assign(target=0.0, second=0.0).to_csv(tmp_path / "sample.csv", index=False)
    new(paths, Sources(train=tmp_path / "a.parquet", test=tmp_path / "b.parquet", sample=tmp_path / "sample.csv"))
    competition = read_competition(paths, "own")
    assert competition.targets == ("target", "second")
    assert read_table(competition.for_target("second"), paths.input("own")).n_train == 300


def test_groups_that_test_does_not_share_are_folds_and_no_feature(paths: Paths, given: Sources) -> None:
    for file, start in ((given.train, 0), (given.test, 1000)):
        lines = file.read_text().splitlines()
        rows = [f"{line},{start + i // 4}" for i, line in enumerate(lines[1:])]
        file.write_text("\n".join([lines[0] + ",person", *rows]) + "\n")
    new(paths, given)
    competition = read_competition(paths, "own")
    assert (competition.folds.kind, competition.folds.by) == ("group", ("person",))
    table = read_table(competition, paths.input("own"))
    assert "person" not in table.train and len(set(table.fold_by["group"])) == 75
