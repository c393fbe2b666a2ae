"""Search with Optuna, and Optuna only here: one SQLite study a head, or any other search, resumable after any kill.

Trials are counted when finished (complete or pruned). Every draw depends on the seed and on the finished
trials alone: before each trial the sampler is made anew from (seed, number finished), so an interrupted
search and an uninterrupted one make the same draws. (A sampler re-created with one and the same seed would
repeat itself.) So a study can be extended, and the first n trials of a longer one are a search of n trials.

Ctrl-C and SIGTERM wait while Optuna reads or writes its file: see base/signals.py.
"""

import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import optuna
from optuna.exceptions import ExperimentalWarning, StorageInternalError
from optuna.importance import FanovaImportanceEvaluator, get_param_importances
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from swapdae.base.errors import UserError
from swapdae.base.models import StrictModel
from swapdae.base.signals import DeferredSignals
from swapdae.modelling.cross_fit import Problem, cross_fit
from swapdae.modelling.head import Head, Trial

FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)
Draw = Callable[[Trial], StrictModel]  # the params of a trial
OnStep = Callable[[int, float], None]  # takes a step and the score there; raises to stop a trial that is pruned
OnTrial = Callable[[tuple["TrialResult", ...]], None]  # takes all trials finished so far, after each
Steps = Literal["folds", "epochs"]
STUDY = "tune"  # its name in the file
LEAST_TRIALS = 8  # complete ones, for importances
P_WORSE = 0.15  # a trial that loses to the best in all of its first 3 folds (p = 1/8) is pruned


@dataclass(frozen=True)
class TrialResult:
    """A finished trial. score: of all out-of-fold rows, None where pruned. fold_scores: those reported, of folds or
    epochs. seconds: its wall time."""

    number: int
    params: dict[str, Any]
    score: float | None
    fold_scores: tuple[float, ...]
    seconds: float


@dataclass(frozen=True)
class TuneResult:
    """params, score: of the best trial. n_complete: trials not pruned. history: the trials, in order."""

    params: StrictModel
    score: float
    n_complete: int
    history: tuple[TrialResult, ...]


def tune(
    problem: Problem,
    head: Head,
    start: StrictModel,
    *,
    trials: int,
    storage_file: Path,
    key: str,
    seed: int,
    name: str = "",
    tune_rows: int | None = None,
    on_trial: OnTrial | None = None,
) -> TuneResult:
    """Searches until `trials` have finished, the first being `start`; trials found in the file count.

    Of a file with more finished trials the first `trials` are the result, as if there were no others. key: of all that
    decides a trial's score, so not of their number; a file with trials of another key is refused. tune_rows: see
    Problem.view. Raises UserError on a refused or unusable file, and when no trial got a score; ValueError for a head
    without a space.
    """
    if (space := head.space) is None:
        raise ValueError(f"{head.kind} has nothing to tune")

    def evaluate(params: StrictModel, on_step: OnStep) -> float:
        make = head.factory(params, problem.seed)
        return cross_fit(problem, make, on_step, name=name, with_test=False, tune_rows=tune_rows).score

    history = search(
        lambda trial: space(trial, start),
        evaluate,
        [start.model_dump(mode="json")],
        trials=trials,
        storage_file=storage_file,
        key=key,
        seed=seed,
        name=name or head.kind,
        on_trial=on_trial,
    )
    score, best = best_of(history)
    n_complete = sum(result.score is not None for result in history)
    return TuneResult(head.params.model_validate(best.params), score, n_complete, history)


def search(
    draw: Draw,
    evaluate: Callable[[Any, OnStep], float],
    starts: Sequence[dict[str, Any]],
    *,
    trials: int,
    storage_file: Path,
    key: str,
    seed: int,
    name: str,
    steps: Steps = "folds",
    on_trial: OnTrial | None = None,
) -> tuple[TrialResult, ...]:
    """Draws and evaluates until `trials` have finished, `starts` first, as drawn values by name; see `tune`.

    steps: what evaluate calls OnStep for. Folds are compared with the best trial's, one by one; after epochs a trial
    below the median of the others at that epoch is pruned, once all starts have finished.
    """
    with _study(storage_file, key, _pruner(steps, len(starts))) as study:
        history = _history(study)
        while len(history) < trials:
            _run(study, draw, evaluate, starts, seed)
            history = _history(study)
            if on_trial is not None:
                on_trial(history)
    history = history[:trials]
    if not any(result.score is not None for result in history):
        raise UserError(f"{name}: none of {trials} trials got a score; start from other params")
    return history


def best_of(history: Sequence[TrialResult]) -> tuple[float, TrialResult]:
    """The best score and its trial, the first one of equals; one trial must have a score."""
    return max(((result.score, result) for result in history if result.score is not None), key=lambda pair: pair[0])


def importances(storage_file: Path, trials: int, seed: int) -> dict[str, float]:
    """Share of the scores' variance that each parameter explains, by fANOVA over the complete ones among a search's
    first `trials` trials.

    Empty where they say nothing: under LEAST_TRIALS of them, or a single parameter or score.
    """
    with (
        tempfile.TemporaryDirectory() as folder,  # opening a study writes to its file, which is someone's output
        _storage(Path(shutil.copy(storage_file, folder))) as storage,
        DeferredSignals(),
    ):
        finished = optuna.load_study(study_name=STUDY, storage=storage).get_trials(states=FINISHED)
    complete = [trial for trial in finished[:trials] if trial.state == TrialState.COMPLETE]
    if len(complete) < LEAST_TRIALS or len(complete[0].params) < 2 or len({trial.value for trial in complete}) < 2:
        return {}
    study = optuna.create_study()
    study.add_trials(complete)
    return dict(get_param_importances(study, evaluator=FanovaImportanceEvaluator(seed=seed)))


@contextmanager
def _storage(file: Path) -> Iterator[optuna.storages.RDBStorage]:
    """Optuna's SQLite file, closed at the end."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage: optuna.storages.RDBStorage | None = None
    try:
        with DeferredSignals():
            storage = optuna.storages.RDBStorage(f"sqlite:///{file}")
        yield storage
    finally:
        if storage is not None:
            with DeferredSignals():
                storage.remove_session()
                storage.engine.dispose()


@contextmanager
def _study(file: Path, key: str, pruner: optuna.pruners.BasePruner) -> Iterator[optuna.Study]:
    """The file's one study, made if need be; closed at the end."""
    try:
        with _storage(file) as storage:
            with DeferredSignals():
                study = optuna.create_study(
                    storage=storage, study_name=STUDY, direction="maximize", load_if_exists=True, pruner=pruner
                )
                if not study.user_attrs and not study.trials:
                    study.set_user_attr("key", key)
                if study.user_attrs.get("key") != key:
                    raise UserError(f"{file}: holds trials of another problem; delete it to tune anew")
                _revive(study)
            yield study
    except (StorageInternalError, SQLAlchemyError) as error:
        reason = str(error.__cause__ or error).splitlines()[0]
        raise UserError(f"{file}: trials cannot be stored: {reason}") from error


def _pruner(steps: Steps, n_starts: int) -> optuna.pruners.BasePruner:
    """Compares a trial with the best one fold by fold, as folds differ in difficulty more than trials do."""
    if steps == "epochs":
        return optuna.pruners.MedianPruner(n_startup_trials=n_starts)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        return optuna.pruners.WilcoxonPruner(p_threshold=P_WORSE)


def _sampler(seed: int, n_finished: int) -> optuna.samplers.BaseSampler:
    mixed = int(np.random.SeedSequence([seed, n_finished]).generate_state(1)[0])
    return optuna.samplers.TPESampler(seed=mixed)


def _history(study: optuna.Study) -> tuple[TrialResult, ...]:
    """The finished trials, in order."""
    with DeferredSignals():
        return tuple(_result(trial) for trial in study.get_trials(deepcopy=False, states=FINISHED))


def _revive(study: optuna.Study) -> None:
    """Marks the trials that a killed or interrupted process left running as failed and queues their params anew."""
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        study.tell(trial.number, state=TrialState.FAIL)
        if params := {**trial.system_attrs.get("fixed_params", {}), **trial.params}:
            study.enqueue_trial(params)


def _run(
    study: optuna.Study,
    draw: Draw,
    evaluate: Callable[[Any, OnStep], float],
    starts: Sequence[dict[str, Any]],
    seed: int,
) -> None:
    """One trial. An exception, unless of a diverged fit, leaves it running in the file, to be revived."""
    with DeferredSignals():
        trial, params = _next(study, draw, starts, seed)

    def on_step(step: int, score: float) -> None:
        if not np.isfinite(score):
            return
        with DeferredSignals():
            trial.report(score, step)
            pruned = trial.should_prune()
        if pruned:
            raise optuna.TrialPruned

    try:
        score = evaluate(params, on_step)
    except (optuna.TrialPruned, FloatingPointError):
        with DeferredSignals():
            study.tell(trial, state=TrialState.PRUNED)
    else:
        with DeferredSignals():
            study.tell(trial, score)


def _next(
    study: optuna.Study, draw: Draw, starts: Sequence[dict[str, Any]], seed: int
) -> tuple[optuna.Trial, StrictModel]:
    """The next trial and its params: of a revived trial, of a start, or drawn."""
    n_finished = len(study.get_trials(deepcopy=False, states=FINISHED))
    if n_finished < len(starts) and not study.get_trials(deepcopy=False, states=(TrialState.WAITING,)):
        study.enqueue_trial(starts[n_finished])
    study.sampler = _sampler(seed, n_finished)
    trial = study.ask()
    with warnings.catch_warnings():
        # A start may lie outside the space; it is tried as given.
        warnings.filterwarnings("ignore", "Fixed parameter", UserWarning)
        params = draw(trial)
    trial.set_user_attr("params", params.model_dump(mode="json"))
    return trial, params


def _result(trial: FrozenTrial) -> TrialResult:
    return TrialResult(
        number=trial.number,
        params=trial.user_attrs["params"],
        score=trial.value if trial.state == TrialState.COMPLETE else None,
        fold_scores=tuple(trial.intermediate_values[fold] for fold in sorted(trial.intermediate_values)),
        seconds=trial.duration.total_seconds() if trial.duration else 0.0,
    )
