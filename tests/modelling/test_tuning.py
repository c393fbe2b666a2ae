import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from numpy.typing import NDArray
from optuna.trial import TrialState

from swapdae.base.errors import UserError
from swapdae.base.models import StrictModel
from swapdae.modelling.cross_fit import FoldView
from swapdae.modelling.features import FoldFeatures, RowNumbers
from swapdae.modelling.head import Head, Trial
from swapdae.modelling.tuning import TrialResult, TuneResult, importances, tune
from toy_problem import toy_problem

Array = NDArray[Any]
PROBLEM = toy_problem(n_train=100, n_folds=5)


class Params(StrictModel):
    offset: float = 2.0
    fixed: str = "as given"


class Biased:
    """Predicts the mean plus params.offset; calls `before` first."""

    def __init__(self, params: Params, before: Callable[[FoldView, Params], None]) -> None:
        self.params, self.before = params, before

    def fit(self, view: FoldView) -> None:
        self.before(view, self.params)
        self.mean = view.y.mean()

    def predict(self, features: FoldFeatures, rows: RowNumbers) -> Array:
        return np.full(len(rows), self.mean + self.params.offset)


def _space(trial: Trial, start: Params) -> Params:
    return Params(offset=trial.suggest_float("offset", -5, 5), fixed=start.fixed)


def _head(before: Callable[[FoldView, Params], None] = lambda view, params: None) -> Head:
    return Head("biased", Params, lambda params, seed: Biased(params, before), _space)


def _tune(file: Path, trials: int = 8, head: Head | None = None, **changes: Any) -> TuneResult:
    options: dict[str, Any] = {"start": Params(), "key": "a", "seed": 0} | changes
    start = options.pop("start")
    return tune(PROBLEM, head or _head(), start, trials=trials, storage_file=file, **options)


def _states(file: Path) -> list[str]:
    with sqlite3.connect(file) as connection:
        rows = connection.execute("SELECT state FROM trials ORDER BY number").fetchall()
    connection.close()
    return [row[0] for row in rows]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> TuneResult:
    """An uninterrupted search."""
    return _tune(tmp_path_factory.mktemp("whole") / "t.db")


def _offsets(result: TuneResult) -> list[float]:
    return [trial.params["offset"] for trial in result.history]


def test_starts_as_told_and_finishes_as_many_as_told(tmp_path: Path) -> None:
    seen: list[tuple[TrialResult, ...]] = []
    start = Params(offset=1.5, fixed="kept")
    result = _tune(tmp_path / "t.db", 12, start=start, on_trial=seen.append)
    assert seen == [result.history[:n] for n in range(1, 13)]
    assert result.history[0].params == start.model_dump()
    assert len(result.history[0].fold_scores) == 5
    assert {trial.params["fixed"] for trial in result.history} == {"kept"}
    scores = [trial.score for trial in result.history if trial.score is not None]
    assert len(scores) == result.n_complete
    assert result.score == max(scores)
    assert isinstance(result.params, Params)
    assert abs(result.params.offset) < 1.5, "it found better than the start"


def _without_seconds(result: TuneResult) -> TuneResult:
    return replace(result, history=tuple(replace(trial, seconds=0.0) for trial in result.history))


def test_finished_trials_count_and_more_may_be_asked_for(tmp_path: Path, whole: TuneResult) -> None:
    """Also of a search that on_trial is told of: all trials, those found in the file too."""
    first = _tune(tmp_path / "t.db", 4)
    assert _tune(tmp_path / "t.db", 4) == first
    seen: list[tuple[TrialResult, ...]] = []
    more = _tune(tmp_path / "t.db", on_trial=seen.append)
    assert more.history[:4] == first.history and [len(history) for history in seen] == [5, 6, 7, 8]
    assert _without_seconds(more) == _without_seconds(whole)


def test_of_a_longer_study_the_first_trials_count(tmp_path: Path, whole: TuneResult) -> None:
    """The start wins among the first trials alone; what is found later is as if it were not there."""
    longer, fresh = _tune(tmp_path / "long.db", 20), _tune(tmp_path / "fresh.db", 2)
    assert longer.score > fresh.score and longer.n_complete > fresh.n_complete
    assert _without_seconds(_tune(tmp_path / "long.db", 2)) == _without_seconds(fresh)
    assert _without_seconds(_tune(tmp_path / "long.db", 8)) == _without_seconds(whole)
    assert len(_states(tmp_path / "long.db")) == 20, "none is lost"
    assert _tune(tmp_path / "long.db", 20) == longer


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_interrupted_and_resumed_equals_uninterrupted(
    tmp_path: Path, whole: TuneResult, error: type[BaseException]
) -> None:
    fits = 0

    def stop(view: FoldView, params: Params) -> None:
        nonlocal fits
        fits += 1
        if fits in (1, 2, 4, 17):  # in the first fit, again at once, in a later fold, in a later trial
            raise error

    for _ in range(4):
        with pytest.raises(error):
            _tune(tmp_path / "t.db", head=_head(stop))
        assert _states(tmp_path / "t.db")[-1] == "RUNNING"
    result = _tune(tmp_path / "t.db")
    states = _states(tmp_path / "t.db")
    assert states.count("FAIL") == 4
    assert states.count("COMPLETE") + states.count("PRUNED") == len(states) - 4 == len(result.history) == 8
    assert len(set(_offsets(result))) == 8, "no trial twice"
    assert _offsets(result) == _offsets(whole)


KILLED = """
import os, signal, sys
from pathlib import Path
import test_tuning
fits = 0
def die(view, params):
    global fits
    fits += 1
    if fits == 12:
        os.kill(os.getpid(), signal.SIGKILL)
test_tuning._tune(Path(sys.argv[1]), head=test_tuning._head(die))
"""


def test_killed_inside_a_trial(tmp_path: Path, whole: TuneResult) -> None:
    file = tmp_path / "t.db"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
    done = subprocess.run([sys.executable, "-c", KILLED, str(file)], env=environment, timeout=120)
    assert done.returncode == -9
    assert _states(file)[-1] == "RUNNING"
    result = _tune(file)
    assert _states(file).count("FAIL") == 1
    assert _offsets(result) == _offsets(whole)


def test_a_trial_left_half_drawn_is_tried_with_what_it_had(tmp_path: Path) -> None:
    _tune(tmp_path / "t.db", 2)
    storage = optuna.storages.RDBStorage(f"sqlite:///{tmp_path / 't.db'}")
    study = optuna.load_study(study_name="tune", storage=storage)
    study.ask().suggest_float("offset", -5, 5)
    (left,) = study.get_trials(states=(TrialState.RUNNING,))
    study.ask()  # killed before it drew anything: nothing to revive
    storage.remove_session()
    storage.engine.dispose()
    assert _offsets(_tune(tmp_path / "t.db", 3))[-1] == left.params["offset"]


def test_what_loses_in_each_of_the_first_folds_is_pruned(tmp_path: Path) -> None:
    fitted: list[float] = []
    head = _head(lambda view, params: fitted.append(params.offset))
    result = _tune(tmp_path / "t.db", 8, head, start=Params(offset=0.0))
    pruned = [trial for trial in result.history if trial.score is None]
    assert pruned
    assert result.n_complete + len(pruned) == 8
    for trial in pruned:
        assert len(trial.fold_scores) == fitted.count(trial.params["offset"]) in (3, 4)
    assert result.params == Params(offset=0.0)


def test_a_diverged_trial_counts_as_pruned(tmp_path: Path) -> None:
    def diverge(view: FoldView, params: Params) -> None:
        if params.offset > 0:
            raise FloatingPointError

    result = _tune(tmp_path / "t.db", 6, _head(diverge))
    assert len(result.history) == 6
    assert result.history[0].score is None
    assert result.params.model_dump()["offset"] <= 0

    def always(view: FoldView, params: Params) -> None:
        raise FloatingPointError

    with pytest.raises(UserError, match="wide: none of 3 trials got a score"):
        _tune(tmp_path / "none.db", 3, _head(always), name="wide")


def test_a_start_outside_the_space_is_tried_as_given(tmp_path: Path) -> None:
    result = _tune(tmp_path / "t.db", 12, start=Params(offset=40.0))
    assert _offsets(result)[0] == 40
    assert max(_offsets(result)[1:]) <= 5


def test_another_key_is_refused(tmp_path: Path) -> None:
    _tune(tmp_path / "t.db", 1)
    with pytest.raises(UserError, match=r"t\.db: holds trials of another problem"):
        _tune(tmp_path / "t.db", 2, key="b")


def test_unusable_files_are_named(tmp_path: Path) -> None:
    (tmp_path / "garbage.db").write_bytes(b"no database " * 500)
    for file in (tmp_path / "garbage.db", tmp_path / "missing" / "t.db"):
        with pytest.raises(UserError, match=f"{file.name}: trials cannot be stored: "):
            _tune(file, 1)


def test_trials_may_use_fewer_rows(tmp_path: Path) -> None:
    sizes: set[int] = set()
    _tune(tmp_path / "t.db", 2, _head(lambda view, params: sizes.add(len(view.y))), tune_rows=30)
    assert sizes == {30}


def test_quiet(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    _tune(tmp_path / "t.db", 4)
    out = capfd.readouterr()
    assert (out.out, out.err) == ("", "")


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of 20 complete trials, alone in its folder."""
    file = tmp_path_factory.mktemp("searched") / "study.sqlite"
    study = optuna.create_study(storage=f"sqlite:///{file}", study_name="tune", direction="maximize")
    study.sampler = optuna.samplers.RandomSampler(seed=0)
    study.optimize(lambda trial: trial.suggest_float("a", 0, 1) + 0.01 * trial.suggest_float("b", 0, 1), 20)
    return file


def test_importances_name_what_matters_and_leave_the_file_as_it_is(searched: Path) -> None:
    before = searched.read_bytes()
    found = importances(searched, 20, seed=0)
    assert found["a"] > 0.9 and sum(found.values()) == pytest.approx(1)
    assert searched.read_bytes() == before and list(searched.parent.iterdir()) == [searched]
    assert importances(searched, 20, seed=0) == found


def test_few_trials_have_no_importances(searched: Path) -> None:
    assert importances(searched, 8, seed=0) != {}
    assert importances(searched, 7, seed=0) == {}


def test_a_head_without_a_space_is_refused(tmp_path: Path) -> None:
    head = replace(_head(), space=None)
    with pytest.raises(ValueError, match=f"{head.kind} has nothing to tune"):
        _tune(tmp_path / "t.db", head=head)
    assert not (tmp_path / "t.db").exists()
