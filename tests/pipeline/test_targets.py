"""An experiment on several targets: one run for each, one CSV of all."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fake_kaggle import FakeKaggle
from kaggle_case import BRISK
from pipeline_case import with_dae, with_experiment
from swapdae.base.errors import UserError
from swapdae.competition.config import Competition
from swapdae.competition.hosts import HOSTS
from swapdae.competition.hosts.kaggle import KaggleHost
from swapdae.experiment.config import HeadConfig, read_experiment
from swapdae.pipeline.run import Run
from swapdae.pipeline.scores import score_line, scores_of
from swapdae.pipeline.stages import KINDS, plan_of, run_kinds
from swapdae.pipeline.stages.tune_noise import Effort

UP_TO_BLEND = [kind for kind in KINDS if kind.in_run]


@pytest.fixture
def two(run: Run) -> Run:
    """The tiny experiment with a second target, the first one's negative."""
    for name in ("train", "sample_submission"):
        file = run.input / f"{name}.csv"
        cells = pd.read_csv(file)
        cells.assign(opposite=-cells["target"]).to_csv(file, index=False)
    values = run.competition.model_dump() | {"target": ["opposite", "target"]}
    heads = {"ridge_raw": run.experiment.heads["ridge_raw"]}
    return replace(
        run,
        competition=Competition.model_validate(values),
        experiment=run.experiment.model_copy(update={"heads": heads}),
    )


def test_one_run_for_each_target_and_one_csv_of_all(two: Run) -> None:
    said: list[str] = []
    reports = run_kinds(replace(two, say=said.append), UP_TO_BLEND)
    folder, submissions = two.paths.oof("tiny"), two.paths.root / "submissions"
    assert (folder / "target" / "blend" / "oof.npy").is_file() and {"target/blend", "opposite/blend"} <= set(reports)
    joined = pd.read_csv(submissions / "tiny.csv")
    sample = pd.read_csv(two.input / "sample_submission.csv")
    assert list(joined) == list(sample) and joined["id"].tolist() == sample["id"].tolist()
    for part in two.parts:
        target = part.competition.target
        alone = pd.read_csv(submissions / "tiny" / f"{target}.csv")
        np.testing.assert_array_equal(joined[target], alone[target])
    np.testing.assert_allclose(joined["target"], -joined["opposite"], rtol=1e-6)  # ridge and its blend are linear
    mean = np.mean([scores_of(part)["blend"]["oof_cross_fitted"] for part in two.parts])
    assert f"blend: 2 targets, mean cross-fitted rmse {mean:.5f}" in said
    assert said[-1] == f"blend: {submissions / 'tiny.csv'}"
    assert score_line(two) == f"all targets: mean cross-fitted rmse {mean:.5f}"


def test_what_is_done_is_not_done_again_and_a_lost_csv_comes_back(two: Run) -> None:
    run_kinds(two, UP_TO_BLEND)
    csv = two.paths.submission("tiny")
    content = csv.read_bytes()
    csv.unlink()
    said: list[str] = []
    run_kinds(replace(two, say=said.append), UP_TO_BLEND)
    assert csv.read_bytes() == content and not [line for line in said if "running" in line]
    states = [state for part in two.parts for state in plan_of(part).needed_for(["blend"]).states().values()]
    assert {state.state for state in states} == {"done"}


@pytest.fixture
def kaggle(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeKaggle]:
    (tmp_path / "home").mkdir()
    monkeypatch.setitem(HOSTS, "kaggle", lambda: KaggleHost(BRISK))
    with FakeKaggle(files={"a-competition": {}}) as fake:
        fake.redirect(monkeypatch, tmp_path / "home")
        yield fake


def test_several_targets_of_classes(two: Run) -> None:
    """A sample holds one column of labels for each."""
    for name in ("train", "sample_submission"):
        file = two.input / f"{name}.csv"
        cells = pd.read_csv(file)
        low, high = (cells[target] < 0 for target in ("target", "opposite"))
        grades = np.where(cells["x0"] > 1, "far", np.where(low, "low", "high")) if name == "train" else "low"
        cells.assign(target=grades, opposite=np.where(high, "no", "yes")).to_csv(file, index=False)
    values = two.competition.model_dump() | {"target": ["opposite", "target"], "task": "multiclass"}
    run = replace(two, competition=Competition.model_validate(values | {"metric": "accuracy"}))
    run_kinds(run, UP_TO_BLEND)
    joined = pd.read_csv(run.paths.submission("tiny"))
    assert set(joined["target"]) == {"far", "low", "high"} and set(joined["opposite"]) == {"no", "yes"}
    assert min(scores_of(part)["blend"]["oof_cross_fitted"] for part in run.parts) > 0.6


SUBMIT = [kind for kind in KINDS if kind.name == "submit"]


def test_targets_are_handed_in_together_and_once(two: Run, kaggle: FakeKaggle) -> None:
    with pytest.raises(
        UserError, match="opposite/download is missing: `swapdae run tiny` before `swapdae submit tiny`"
    ):
        run_kinds(two, SUBMIT)
    run_kinds(two, UP_TO_BLEND)
    for _ in range(2):
        run_kinds(two, SUBMIT)
    (handed_in,) = kaggle.submissions
    assert handed_in.content == two.paths.submission("tiny").read_bytes()
    mean = np.mean([scores_of(part)["blend"]["oof_cross_fitted"] for part in two.parts])
    (line,) = two.paths.submission_log.read_text().splitlines()[2:]
    assert [cell.strip() for cell in line.strip("|").split("|")][1:5] == ["tiny", f"{mean:.5f}", "0.84250", "0.84350"]
    assert score_line(two) == f"all targets: mean cross-fitted rmse {mean:.5f}, public 0.84250, private 0.84350"
    with pytest.raises(UserError, match="submit: targets are handed in together: `swapdae submit tiny`"):
        run_kinds(two.parts[0], SUBMIT)
    assert len(kaggle.submissions) == 1


def test_a_csv_that_the_blends_did_not_make_is_not_handed_in(two: Run, kaggle: FakeKaggle) -> None:
    run_kinds(two, UP_TO_BLEND)
    csv = two.paths.submission("tiny")
    csv.write_text(csv.read_text().replace("1", "2"))
    with pytest.raises(
        UserError, match=r"tiny\.csv: is not the CSV that the blend made; `swapdae blend tiny` puts that"
    ):
        run_kinds(two, SUBMIT)
    run_kinds(two, [kind for kind in KINDS if kind.name == "blend"])
    made = two.parts[1].directory("blend") / "submission.csv"
    made.write_text(made.read_text().replace("1", "2"))
    with pytest.raises(UserError, match=r"target/blend is stale \(.* is not what was written"):
        run_kinds(two, SUBMIT)
    assert not kaggle.submissions


def with_autoencoder(two: Run, **dae: object) -> Run:
    """Both targets with one head, on the autoencoder's features."""
    heads = {"ridge_dae": HeadConfig(kind="ridge", features=("dae",))}
    return with_dae(with_experiment(two, heads=heads), **dae)


def test_one_autoencoder_for_all_targets(two: Run) -> None:
    """It sees no target. One per fold sees the folds, which are each target's own."""
    said: list[str] = []
    run = with_autoencoder(replace(two, say=said.append))
    run_kinds(run, UP_TO_BLEND)
    assert said.count("dae: missing, running") == 1 and said.count("dae: done, nothing to do") == 1
    assert {part.directory("dae") for part in run.parts} == {two.paths.oof("tiny") / "dae"}
    features = two.paths.oof("tiny") / "dae" / "features.npy"
    made = features.stat().st_mtime_ns
    first, second = (part.array("blend", "oof.npy") for part in run.parts)
    np.testing.assert_allclose(first, -second, rtol=1e-4, atol=1e-4)  # read from the same features
    run_kinds(replace(run, force=True), [kind for kind in KINDS if kind.name == "dae"])
    assert said.count("dae: forced, running") == 1 and features.stat().st_mtime_ns != made
    alone = with_autoencoder(two, scope="per_fold")
    assert len({part.directory("dae") for part in alone.parts}) == 2


def test_another_table_makes_the_shared_autoencoder_stale(two: Run) -> None:
    run = with_autoencoder(two)
    run_kinds(run, UP_TO_BLEND)
    file = two.input / "train.csv"
    cells = pd.read_csv(file)
    cells.assign(x0=cells["x0"] + 1).to_csv(file, index=False)
    assert [plan_of(part).states()["dae"].state for part in run.parts] == ["stale", "stale"]
    run_kinds(run, UP_TO_BLEND)
    assert [plan_of(part).states()["dae"].state for part in run.parts] == ["done", "done"]


def test_a_target_named_as_a_stage_is_refused(two: Run) -> None:
    values = two.competition.model_dump() | {"target": ["blend", "target"]}
    run = replace(two, competition=Competition.model_validate(values))
    with pytest.raises(UserError, match="target 'blend' has the name of a stage; give the column another"):
        run_kinds(run, UP_TO_BLEND)


def test_one_target_is_its_own_only_part(run: Run) -> None:
    assert run.parts == (run,)


def test_the_experiments_own_columns_and_noise_are_found_from_a_target(two: Run) -> None:
    own = two.paths.root / "experiments" / "tiny.py"
    own.write_text("def make(frame):\n    return frame[['x0']].rename(columns={'x0': 'again'})\n")
    two.paths.experiment_file("tiny").write_text('competition = "synthetic"\n[heads.ridge]\nkind = "ridge"\n')
    told = replace(with_dae(two), options={"tune_noise": Effort(rule=True)})
    run_kinds(told, [kind for kind in KINDS if kind.name == "tune_noise"])
    assert all("again" in part.data.table.numerical for part in told.parts)
    for target in two.competition.targets:
        assert "again" in read_experiment(two.paths, f"tiny_{target}_noise").dae.noise.columns


def test_a_target_is_named_behind_the_experiment(two: Run, tmp_path: Path) -> None:
    text = two.paths.competition_file("synthetic").read_text()
    changed = text.replace('target = "target"', 'target = ["opposite", "target"]')
    two.paths.competition_file("synthetic").write_text(changed)
    two.paths.experiment_file("e").write_text('competition = "synthetic"\n[heads.ridge]\nkind = "ridge"\n')
    part = Run.of(two.paths, "e/target")
    assert (part.experiment.name, part.competition.target) == ("e/target", "target")
    assert part.directory("blend") == two.paths.oof("e") / "target" / "blend"
    assert [p.experiment.name for p in Run.of(two.paths, "e").parts] == ["e/opposite", "e/target"]
    with pytest.raises(UserError, match="no target 'other' among several; known are opposite, target"):
        Run.of(two.paths, "e/other")
