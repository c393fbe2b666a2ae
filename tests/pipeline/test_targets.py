"""An experiment on several targets: one run for each, one CSV of all."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from swapdae.base.errors import UserError
from swapdae.competition.config import Competition
from swapdae.pipeline.run import Run
from swapdae.pipeline.scores import scores_of
from swapdae.pipeline.stages import KINDS, plan_of, run_kinds

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
    assert said[-1] == f"blend: {submissions / 'tiny.csv'}, 2 targets, mean cross-fitted rmse {mean:.5f}"


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


def test_submit_is_left_to_the_user(two: Run) -> None:
    submit = [kind for kind in KINDS if kind.name == "submit"]
    for run in (two, two.parts[0]):
        with pytest.raises(UserError, match=r"submissions/tiny\.csv is joined of several targets; hand it in by hand"):
            run_kinds(run, submit)


def test_one_target_is_its_own_only_part(run: Run) -> None:
    assert run.parts == (run,)


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
