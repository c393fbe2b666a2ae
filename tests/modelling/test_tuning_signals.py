"""No Ctrl-C and no SIGTERM is lost while Optuna reads or writes its file.

Python drops an exception that is raised inside a weak reference's callback, and SQLAlchemy keeps many of these.
"""

import os
import shutil
import signal
import subprocess
import sys
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import pytest

from swapdae.base.models import StrictModel
from swapdae.modelling.head import Trial
from swapdae.modelling.tuning import importances, search


class Params(StrictModel):
    offset: float


def _search(file: Path, trials: int = 1) -> None:
    def draw(trial: Trial) -> Params:
        return Params(offset=trial.suggest_float("offset", 0, 1))

    def evaluate(params: Params, on_step: Callable[[int, float], None]) -> float:
        for step in range(2):
            on_step(step, params.offset)
        return params.offset

    search(draw, evaluate, [], trials=trials, storage_file=file, key="", seed=0, name="test")


class Target:
    """What a weak reference can point at."""


CALLS = [
    (optuna.storages.RDBStorage, "__init__"),
    (optuna, "create_study"),
    (optuna.Study, "get_trials"),
    (optuna.Study, "ask"),
    (optuna.Trial, "suggest_float"),
    (optuna.Trial, "set_user_attr"),
    (optuna.Trial, "report"),
    (optuna.Trial, "should_prune"),
    (optuna.Study, "tell"),
    (optuna.storages.RDBStorage, "remove_session"),
    (optuna, "load_study"),
]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A search of one trial, to be copied: making the tables takes most of the time."""
    file = tmp_path_factory.mktemp("study") / "t.db"
    _search(file)
    return file


@pytest.mark.parametrize(("owner", "name"), CALLS, ids=lambda part: part if isinstance(part, str) else part.__name__)
def test_interrupt_inside_a_weak_references_callback_is_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, study: Path, owner: Any, name: str
) -> None:
    file = Path(shutil.copy(study, tmp_path))
    original, calls = getattr(owner, name), 0

    def interrupted(*given: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 1:
            target = Target()
            reference = weakref.ref(target, lambda _: signal.raise_signal(signal.SIGINT))
            del target
            assert reference() is None
        return original(*given, **named)

    with monkeypatch.context() as patched:
        patched.setattr(owner, name, interrupted)
        with pytest.raises(KeyboardInterrupt):
            _search(file, 2)
            importances(file, 2, seed=0)
    _search(file, 3)  # the file is fit to go on from


SIGNALLED = """
import os, random, signal, sys, time
from pathlib import Path
from test_tuning_signals import _search

def terminate(number, frame):
    raise SystemExit(143)

def child(file, ready):
    try:
        os.write(ready, b"!")
        _search(file)
        time.sleep(5)
    except KeyboardInterrupt:
        os._exit(130)
    except SystemExit as end:
        os._exit(end.code)
    finally:
        os._exit(1)

signal.signal(signal.SIGTERM, terminate)
signal.signal(signal.SIGINT, signal.default_int_handler)
rng = random.Random(0)
for i in range(6):
    number = (signal.SIGINT, signal.SIGTERM)[i % 2]
    read, write = os.pipe()
    process = os.fork()
    if not process:
        child(Path(sys.argv[1]) / f"{i}.db", write)
    os.read(read, 1)
    time.sleep(rng.uniform(0, 0.35))
    os.kill(process, number)
    _, status = os.waitpid(process, 0)
    print(os.waitstatus_to_exitcode(status) - number)
"""


def test_signals_at_random_moments_are_heard(tmp_path: Path) -> None:
    paths = [str(Path(__file__).parent), *sys.path]
    done = subprocess.run(
        [sys.executable, "-c", SIGNALLED, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert done.stdout.split() == ["128"] * 6, done.stderr
