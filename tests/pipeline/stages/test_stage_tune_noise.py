from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline_case import make
from swapdae.autoencoder.bodies.stack import StackConfig
from swapdae.autoencoder.bodies.transformer import TransformerConfig
from swapdae.autoencoder.config import DaeConfig
from swapdae.base.errors import UserError
from swapdae.base.models import parse
from swapdae.experiment.config import read_experiment
from swapdae.pipeline.run import Run
from swapdae.pipeline.stages.tune_noise import Effort, _short, trainings_of

TINY = """
competition = "synthetic"
[dae]
body = { kind = "stack", width = 16 }
noise = { donor = "row", columns = { x0 = 0.2 } }
training = { epochs = 2, batch_size = 64 }
[heads.ridge_dae]
kind = "ridge"
features = "dae"
"""
EFFORT = Effort(trials=4, rows=150, epochs=2, groups=1)


def main(run: Run, effort: Effort) -> Path:
    make(replace(run, options={"tune_noise": effort}), "tune_noise")
    return run.paths.experiment_file(f"{run.experiment.name}_noise")


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def tiny(run: Run, said: list[str]) -> Run:
    run.paths.experiment_file("tiny").write_text(TINY)
    return replace(run, experiment=read_experiment(run.paths, "tiny"), say=said.append)


def test_search_writes_a_whole_experiment_with_the_best_rates(tiny: Run, said: list[str]) -> None:
    file = main(tiny, EFFORT)
    assert file == tiny.paths.experiment_file("tiny_noise")
    metrics = tiny.report("tune_noise").metrics
    scored = [trial for trial in metrics["trials"] if trial["value"] is not None]
    best = min(scored, key=lambda trial: trial["value"])
    written = read_experiment(tiny.paths, "tiny_noise")
    assert written.dae.noise.model_dump() == metrics["noise"] == best["params"]
    assert written.model_copy(update={"name": "tiny", "dae": tiny.experiment.dae}) == tiny.experiment
    assert written.dae.model_copy(update={"noise": tiny.experiment.dae.noise}) == tiny.experiment.dae
    assert metrics["rmse"] == best["value"] <= metrics["before"] == metrics["trials"][0]["value"]
    assert f"rmse {best['value']:.5f}" in file.read_text() and f"{metrics['before']:.5f} with" in file.read_text()
    table = said[-6:-1]
    assert table[0].split() == ["trial", "value", "s", "categorical_1", "numerical_1"]
    assert table[1].split()[:2] == ["0", f"{metrics['before']:.5f}"] and len(table[1].split()) == 5
    assert said[-1].endswith(str(file))


def test_done_search_is_not_done_again_and_another_effort_is_another(tiny: Run, said: list[str]) -> None:
    file = main(tiny, EFFORT)
    file.unlink()
    main(tiny, EFFORT)
    assert file.exists() and "tune_noise: done, nothing to do" in said
    with pytest.raises(UserError, match=r"tiny_noise\.toml: is there and says something else"):
        main(tiny, EFFORT.model_copy(update={"trials": 2}))
    assert any("stale (changed: trials)" in line for line in said)
    main(replace(tiny, force=True), EFFORT.model_copy(update={"trials": 2}))
    assert "2 trials" in file.read_text()


def test_rule_trains_nothing_and_gives_every_column_a_rate(tiny: Run, said: list[str]) -> None:
    file = main(tiny, Effort(rule=True))
    noise = read_experiment(tiny.paths, "tiny_noise").dae.noise
    assert set(noise.columns) == set(tiny.data.table.train.columns) and noise.donor == "row"
    assert not (tiny.directory("tune_noise") / "study.sqlite").exists() and "by rule" in file.read_text()
    assert sum("predicted from the others" in line for line in said) == 9


def test_trainings_are_cut_to_the_effort(tiny: Run) -> None:
    made = trainings_of(tiny, EFFORT)
    assert len(made.frame) == len(made.problem.y) == 150 and made.shared and made.config.training.epochs == 2
    assert made.config.body.model_dump()["width"] == 8 and made.config.noise == tiny.experiment.dae.noise
    two = trainings_of(tiny, EFFORT.model_copy(update={"folds": 2}))
    assert two.problem.n_folds == 2 and np.array_equal(two.frame, made.frame)


def test_per_fold_scope_keeps_held_out_rows_from_the_autoencoder(tiny: Run) -> None:
    dae = tiny.experiment.dae.model_copy(update={"scope": "per_fold"})
    scoped = replace(tiny, experiment=tiny.experiment.model_copy(update={"dae": dae}))
    made = trainings_of(scoped, EFFORT)
    assert not made.shared
    for fold, rows in enumerate(made.fit_rows):
        assert np.array_equal(rows, np.flatnonzero(made.problem.folds.labels != fold))


@pytest.mark.parametrize(
    ("body", "shrink", "widths"),
    [
        (TransformerConfig(), 2, {"d_subspace": 64, "d_feedforward": 256}),
        (TransformerConfig(), 100, {"d_subspace": 8, "d_feedforward": 8}),
        (StackConfig(), 2, {"width": 768, "n_layers": 3}),
        (StackConfig(), 10**6, {"width": 1, "n_layers": 3}),
    ],
)
def test_narrower_bodies_are_valid(body: Any, shrink: int, widths: dict[str, int]) -> None:
    short = _short(DaeConfig(body=body), Effort(shrink=shrink))
    assert widths.items() <= short.body.model_dump().items()
    assert DaeConfig.model_validate(short.model_dump()) == short


def test_bad_effort_names_the_option() -> None:
    with pytest.raises(UserError, match="tune-noise: trials: Input should be greater than or equal to 1"):
        parse(Effort, {"trials": 0}, "tune-noise")
