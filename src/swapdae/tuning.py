"""Hyperparameter search with Optuna, and Optuna only here: one SQLite study a head, resumable after any kill.

Trials are counted when finished (complete or pruned). Every draw depends on the seed and on the finished
trials alone: before each trial the sampler is made anew from (seed, number finished), so an interrupted
search and an uninterrupted one make the same draws. (A sampler re-created with one and the same seed would
repeat itself.)
"""

import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.exceptions import ExperimentalWarning, StorageInternalError
from optuna.importance import FanovaImportanceEvaluator, get_param_importances
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from swapdae.cross_fit import Problem, cross_fit
from swapdae.errors import UserError
from swapdae.heads.interface import Head
from swapdae.strict import Strict

FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)
LEAST_TRIALS = 8  # complete ones, for importances
P_WORSE = 0.15  # a trial that loses to the best in all of its first 3 folds (p = 1/8) is pruned


@dataclass(frozen=True)
class TrialResult:
    """A finished trial. score: of all out-of-fold rows, None where pruned. seconds: its wall time."""

    number: int
    params: dict[str, Any]
    score: float | None
    fold_scores: tuple[float, ...]
    seconds: float


@dataclass(frozen=True)
class TuneResult:
    """params, score: of the best trial. n_complete: trials not pruned. history: all finished trials."""

    params: Strict
    score: float
    n_complete: int
    history: tuple[TrialResult, ...]


def tune(
    problem: Problem,
    head: Head,
    start: Strict,
    *,
    trials: int,
    storage_file: Path,
    key: str,
    seed: int,
    name: str = "",
    tune_rows: int | None = None,
    on_trial: Callable[[TrialResult, int], None] | None = None,
) -> TuneResult:
    """Searches until `trials` have finished, the first being `start`; trials found in the file count.

    key: of all that decides a trial's score; a file with trials of another key is refused. tune_rows: see
    Problem.view. on_trial: called with each result and the number finished. Raises UserError on a refused
    or unusable file, and when no trial got a score.
    """
    with _study(storage_file, key) as study:
        _revive(study, start)
        while (n_finished := len(finished := _finished(study))) < trials:
            study.sampler = _sampler(seed, n_finished)
            result = _run(study, problem, head, start, name, tune_rows)
            if on_trial is not None:
                on_trial(result, n_finished + 1)
        history = tuple(_result(trial) for trial in finished)
    scored = [(result.score, result) for result in history if result.score is not None]
    if not scored:
        raise UserError(f"{name or head.kind}: none of {trials} trials got a score; start from other params")
    score, best = max(scored, key=lambda pair: pair[0])
    return TuneResult(head.params.model_validate(best.params), score, len(scored), history)


def importances(storage_file: Path, seed: int) -> dict[str, float]:
    """Share of the scores' variance that each parameter explains, by fANOVA over a search's complete trials.

    Empty where they say nothing: under LEAST_TRIALS of them, or a single parameter or score.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with tempfile.TemporaryDirectory() as folder:  # opening a study writes to its file, which is someone's output
        storage = optuna.storages.RDBStorage(f"sqlite:///{shutil.copy(storage_file, folder)}")
        try:
            trials = optuna.load_study(study_name="tune", storage=storage).get_trials(states=(TrialState.COMPLETE,))
        finally:
            storage.remove_session()
            storage.engine.dispose()
    if len(trials) < LEAST_TRIALS or len(trials[0].params) < 2 or len({trial.value for trial in trials}) < 2:
        return {}
    study = optuna.create_study()
    study.add_trials(trials)
    return dict(get_param_importances(study, evaluator=FanovaImportanceEvaluator(seed=seed)))


@contextmanager
def _study(file: Path, key: str) -> Iterator[optuna.Study]:
    """The file's one study, made if need be; closed at the end."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage: optuna.storages.RDBStorage | None = None
    try:
        storage = optuna.storages.RDBStorage(f"sqlite:///{file}")
        study = optuna.create_study(
            storage=storage, study_name="tune", direction="maximize", load_if_exists=True, pruner=_pruner()
        )
        if not study.user_attrs and not study.trials:
            study.set_user_attr("key", key)
        if study.user_attrs.get("key") != key:
            raise UserError(f"{file}: holds trials of another problem; delete it to tune anew")
        yield study
    except (StorageInternalError, SQLAlchemyError) as error:
        reason = str(error.__cause__ or error).splitlines()[0]
        raise UserError(f"{file}: trials cannot be stored: {reason}") from error
    finally:
        if storage is not None:
            storage.remove_session()
            storage.engine.dispose()


def _pruner() -> optuna.pruners.BasePruner:
    """Compares a trial with the best one fold by fold, as folds differ in difficulty more than trials do."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        return optuna.pruners.WilcoxonPruner(p_threshold=P_WORSE)


def _sampler(seed: int, n_finished: int) -> optuna.samplers.BaseSampler:
    mixed = int(np.random.SeedSequence([seed, n_finished]).generate_state(1)[0])
    return optuna.samplers.TPESampler(seed=mixed)


def _finished(study: optuna.Study) -> list[FrozenTrial]:
    return study.get_trials(deepcopy=False, states=FINISHED)


def _revive(study: optuna.Study, start: Strict) -> None:
    """Fails the trials that a killed or interrupted process left running and queues their params again."""
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        study.tell(trial.number, state=TrialState.FAIL)
        if params := {**trial.system_attrs.get("fixed_params", {}), **trial.params}:
            study.enqueue_trial(params)
    if not study.get_trials(deepcopy=False, states=(*FINISHED, TrialState.WAITING)):
        study.enqueue_trial(start.model_dump(mode="json"))


def _run(
    study: optuna.Study, problem: Problem, head: Head, start: Strict, name: str, tune_rows: int | None
) -> TrialResult:
    """One trial. An exception, unless of a diverged fit, leaves it running in the file, to be revived."""
    trial = study.ask()
    with warnings.catch_warnings():
        # `start` may lie outside the space; it is tried as given.
        warnings.filterwarnings("ignore", "Fixed parameter", UserWarning)
        params = head.space(trial, start)
    trial.set_user_attr("params", params.model_dump(mode="json"))

    def on_fold(fold: int, score: float) -> None:
        if np.isfinite(score):
            trial.report(score, fold)
            if trial.should_prune():
                raise optuna.TrialPruned

    try:
        make = head.factory(params, problem.seed)
        score = cross_fit(problem, make, on_fold, name=name, with_test=False, tune_rows=tune_rows).score
    except (optuna.TrialPruned, FloatingPointError):
        return _result(study.tell(trial, state=TrialState.PRUNED))
    return _result(study.tell(trial, score))


def _result(trial: FrozenTrial) -> TrialResult:
    return TrialResult(
        number=trial.number,
        params=trial.user_attrs["params"],
        score=trial.value if trial.state == TrialState.COMPLETE else None,
        fold_scores=tuple(trial.intermediate_values[fold] for fold in sorted(trial.intermediate_values)),
        seconds=trial.duration.total_seconds() if trial.duration else 0.0,
    )
