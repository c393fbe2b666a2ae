"""A run that has so many minutes: planned, carried out, cut when time runs out, and gone on with after a kill."""

import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torch

from pipeline_case import with_dae, with_experiment
from swapdae.base.errors import UserError
from swapdae.base.paths import Paths
from swapdae.experiment.planned import PLAN, Planned, read_plan, write_plan
from swapdae.pipeline.minutes import plan_for, run_planned
from swapdae.pipeline.run import Run
from swapdae.pipeline.stages import plan_of
from test_cli import TINY, swapdae

MINUTES = 5.0  # of which a tiny experiment needs seconds, whatever else the machine does


def few_trials(plan: Planned, trials: int = 3) -> Planned:
    """As a plan with little time would have it."""
    for name, head in plan.experiment.heads.items():
        if head.trials:
            plan = plan.with_trials(name, trials)
    return plan


@pytest.fixture
def planned(run: Run) -> Planned:
    """Of all three heads, recorded."""
    plan = few_trials(plan_for(run, MINUTES))
    write_plan(run.paths.oof("tiny"), plan)
    return plan


def is_valid(run: Run) -> bool:
    """Whether the submission holds every id of the sample and finite numbers."""
    made = pd.read_csv(run.paths.submission(run.experiment.name))
    sample = pd.read_csv(run.input / "sample_submission.csv")
    return made["id"].tolist() == sample["id"].tolist() and bool(made["target"].notna().all())


def recorded(run: Run) -> Planned:
    plan = read_plan(run.paths.oof("tiny"))
    assert plan is not None
    return plan


def test_it_makes_what_was_planned_and_then_has_nothing_to_do(run: Run, planned: Planned) -> None:
    made = run_planned(run, planned)
    assert is_valid(run) and made.finished and made == recorded(run)
    assert set(made.experiment.heads) == {"ridge_raw", "ridge_dae", "lightgbm"} and not made.changes
    said: list[str] = []
    again = replace(run, say=said.append)
    assert plan_for(again, MINUTES) == made and run_planned(again, made) == made
    assert not [line for line in said if line.endswith("running")]
    tuned = replace(run, experiment=made.experiment).report("tune/lightgbm")
    assert len(tuned.metrics["trials"]) == 3 == made.experiment.heads["lightgbm"].trials


def stop_at(line: str) -> Callable[[str], None]:
    """Says nothing; a kill where `line` would be said."""

    def say(said: str) -> None:
        if said.startswith(line):
            raise KeyboardInterrupt

    return say


@pytest.mark.parametrize("line", ["dae: missing", "tune/lightgbm: missing", "heads/lightgbm: missing", "blend: nnls"])
def test_a_killed_run_goes_on_by_the_same_plan_to_the_same_bytes(run: Run, planned: Planned, line: str) -> None:
    with pytest.raises(KeyboardInterrupt):
        run_planned(replace(run, say=stop_at(line)), planned)
    assert not run.paths.submission("tiny").exists()
    found = plan_for(run, MINUTES)
    assert (found.why, found.seconds, found.experiment) == (planned.why, planned.seconds, planned.experiment)
    last = run_planned(run, found)
    first = run.paths.submission("tiny").read_bytes()
    shutil.rmtree(run.paths.oof("tiny"))
    write_plan(run.paths.oof("tiny"), planned)
    assert run_planned(run, planned).experiment == last.experiment
    assert run.paths.submission("tiny").read_bytes() == first


def test_running_out_ends_in_a_submission_and_a_record(run: Run) -> None:
    spent = plan_for(run, MINUTES).model_copy(update={"spent": 60 * MINUTES})
    made = run_planned(run, spent)
    assert list(made.experiment.heads) == ["ridge_raw"] and is_valid(run)
    assert [change.split(":")[0] for change in made.changes] == ["dae", "tune/lightgbm", "heads/lightgbm"]
    assert plan_of(Run(run.paths, made.experiment, run.competition)).states()["blend"].state == "done"
    assert run_planned(run, recorded(run)) == made  # nothing comes back


def test_a_search_ends_when_its_seconds_do_and_the_number_is_recorded_first(run: Run) -> None:
    plan = plan_for(run, MINUTES)
    step = "tune/lightgbm"
    short = plan.model_copy(update={"limits": {step: 1e-3}})
    assert plan.experiment.heads["lightgbm"].trials > 1
    with pytest.raises(KeyboardInterrupt):
        run_planned(replace(run, say=stop_at(f"{step}: 1 trials")), short)
    assert recorded(run).settled == (step,) and recorded(run).experiment.heads["lightgbm"].trials == 1
    made = run_planned(run, recorded(run))
    assert len(replace(run, experiment=made.experiment).report(step).metrics["trials"]) == 1
    assert is_valid(run) and "lightgbm" in made.experiment.heads


def test_a_training_that_is_slower_than_forecast_is_cut_to_the_epochs_that_fit(run: Run) -> None:
    plan = with_epochs(few_trials(plan_for(run, MINUTES), 0), 10**6)
    made = run_planned(run, plan.model_copy(update={"spent": 60 * MINUTES - 20}))
    assert made.changes[0].startswith("dae: ") and is_valid(run)
    assert "dae" not in made.steps or made.experiment.dae.training.epochs < 10**6


def with_epochs(plan: Planned, epochs: int) -> Planned:
    return plan.with_epochs(epochs, "").model_copy(update={"seconds": {**plan.seconds, "dae": 0.01}})


def test_another_table_toml_or_time_makes_another_plan(run: Run, planned: Planned) -> None:
    assert plan_for(run, MINUTES) == planned
    seeded, other_dae = with_experiment(run, seed=1), with_dae(run, test_rows=False)
    for other, minutes in ((run, 0.3), (seeded, MINUTES), (other_dae, MINUTES)):
        assert plan_for(other, minutes).asked != planned.asked
    write_plan(run.paths.oof("tiny"), planned)
    file = run.input / "train.csv"
    file.write_text("".join(file.read_text().splitlines(keepends=True)[:-1]))
    changed = replace(run)
    assert plan_for(changed, MINUTES).size.n_train == 299


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_plan_made_for_a_gpu_is_not_carried_out_without_one(run: Run, planned: Planned) -> None:
    gpu = planned.model_copy(update={"machine": planned.machine.model_copy(update={"gpu": True})})
    with pytest.raises(UserError, match="no CUDA device"):
        run_planned(run, gpu)


@pytest.mark.parametrize("where", ["option", "toml"])
def test_the_command_plans_then_questions_follow_the_plan_until_a_run_without(run: Run, where: str) -> None:
    file = run.paths.experiment_file("tiny")
    file.write_text(TINY if where == "option" else f"minutes = {MINUTES}\n{TINY}")
    told = ("--minutes", str(MINUTES)) if where == "option" else ()
    code, out, err = swapdae("run", "tiny", *told, "--device", "cpu")
    assert code == 0, err
    assert f"plan: {MINUTES:g} minutes" in out and "10 minutes more would buy" in out and is_valid(run)
    plan = run.paths.oof("tiny") / PLAN
    assert plan.is_file()
    assert {line.split()[1] for line in swapdae("status", "tiny")[1].splitlines()} == {"done", "missing"}
    file.write_text(TINY)
    code, out, _ = swapdae("run", "tiny", "--device", "cpu")
    assert code == 0 and not plan.exists()
    assert out.count("nothing to do") == 10, "the plan had room for all of it, so its keys are those of the TOML"


def test_a_stage_alone_follows_the_minutes_of_the_toml(run: Run) -> None:
    run.paths.experiment_file("tiny").write_text(f"minutes = 0.01\n{TINY}")
    assert swapdae("blend", "tiny", "--device", "cpu")[0] == 0
    assert list(recorded(run).experiment.heads) == ["ridge_raw"] and is_valid(run)


@pytest.mark.parametrize("minutes", ["0", "-1", "nan", "'x'"])
def test_minutes_that_are_none_are_refused(run: Run, minutes: str) -> None:
    run.paths.experiment_file("tiny").write_text(TINY)
    assert swapdae("run", "tiny", "--minutes", minutes)[0] != 0
    run.paths.experiment_file("tiny").write_text(f"minutes = {minutes}\n{TINY}")
    assert swapdae("status", "tiny")[0] == 1


def test_several_targets_share_one_plan(run: Run) -> None:
    frame = pd.read_csv(run.input / "train.csv").assign(second=lambda frame: frame["x0"] + frame["target"])
    frame.to_csv(run.input / "train.csv", index=False)
    sample = pd.read_csv(run.input / "sample_submission.csv").assign(second=0.5)
    sample.to_csv(run.input / "sample_submission.csv", index=False)
    file = run.paths.competition_file("synthetic")
    file.write_text(file.read_text().replace('target = "target"', 'target = ["target", "second"]'))
    run.paths.experiment_file("tiny").write_text(TINY)
    code, _, err = swapdae("run", "tiny", "--minutes", str(MINUTES), "--device", "cpu")
    assert code == 0, err
    assert recorded(run).size.n_targets == 2 and is_valid(run)
    assert "second" in pd.read_csv(run.paths.submission("tiny"))
    code, _, err = swapdae("run", "tiny/second", "--minutes", "1")
    assert code == 1 and "all targets together" in err


@pytest.mark.slow
def test_a_process_that_is_killed_in_training_goes_on_to_the_bytes_of_one_that_was_not(tree: Paths) -> None:
    """Ridge has no search, so a plan with room for all is the same in both."""
    for name in ("whole", "killed"):
        tree.experiment_file(name).write_text(TINY.replace("epochs = 1", "epochs = 8\nbatch_size = 8"))

    def start(name: str) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "swapdae", "run", name, "--minutes", "9", "--device", "cpu"]
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    assert start("whole").wait(timeout=300) == 0
    process = start("killed")
    while not (tree.oof("killed") / ".dae.scratch" / "work" / "training_0" / "checkpoint.safetensors").exists():
        assert process.poll() is None
        time.sleep(0.005)
    process.kill()
    process.wait()
    before = read_plan(tree.oof("killed"))
    assert before is not None and not before.finished and not tree.submission("killed").exists()
    assert start("killed").wait(timeout=300) == 0
    after = read_plan(tree.oof("killed"))
    assert after is not None and after.finished
    assert (after.why, after.machine, after.experiment) == (before.why, before.machine, before.experiment)
    assert tree.submission("killed").read_bytes() == tree.submission("whole").read_bytes()


def test_no_file_is_left_beside_the_plan(run: Run, planned: Planned) -> None:
    folder: Path = run.paths.oof("tiny")
    assert [file.name for file in folder.iterdir()] == [PLAN] and planned.finished is False
