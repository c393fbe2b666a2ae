"""A metric of one's own: input/<competition>/metric.py, chosen by `metric = "mine"`.

    GREATER_IS_BETTER = False
    TASK = "regression"            # or TASKS, a tuple of them
    WANTS = "numbers"              # or "probabilities", "labels", "ranks" (then K, how many labels a row)
    LOSS = "absolute"              # what heads minimize; left out: "squared", for classes "log"

    def score(y, prediction):      # or score(y, prediction, weights), which are None where there are none
        return ...                 # a number

y holds numbers, or class numbers from 0 in the order of the sorted labels. prediction is (n,) for numbers, for labels
(class numbers) and for the probability of the higher label in `binary`; (n, n_classes) for probabilities in
`multiclass`; (n, K) class numbers for ranks.

It is the user's own code and is run as such, whenever the competition is read. The sha256 of its source is part of the
keys of all stages that use the metric; what it imports is not.
"""

import hashlib
import inspect
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from swapdae.base.errors import UserError
from swapdae.competition.metric import LOSSES, Metric, Refusal, Wants
from swapdae.competition.metrics import OWN

FILE = "metric.py"
WANTS: dict[str, tuple[Wants, tuple[str, ...]]] = {  # what it is called in Metric, and the tasks that have it
    "numbers": ("predictions", ("regression",)),
    "probabilities": ("predictions", ("binary", "multiclass")),
    "labels": ("labels", ("regression", "binary", "multiclass")),
    "ranks": ("ranks", ("multiclass",)),
}
NOT_WHOLE = Refusal(lambda y: y != np.rint(y), "is not whole, as labels of a regression are")


class OwnMetricError(UserError, ValueError):
    """An error inside score(); a ValueError, too: a fold that it cannot judge has no score, as with other metrics."""


def read_own_metric(directory: Path, task: str) -> tuple[Metric, str]:
    """The metric of directory / "metric.py" for one task, and its source's sha256.

    Raises UserError naming the file and what is missing or wrong in it.
    """
    file = directory / FILE
    try:
        source = file.read_bytes()
    except OSError as error:
        reason = "no such file" if isinstance(error, FileNotFoundError) else f"cannot be read ({error.strerror})"
        raise UserError(f"{file}: {reason}; metric = '{OWN}' takes its function score(y, prediction)") from None
    told: dict[str, Any] = {"__name__": "metric", "__file__": str(file)}
    try:
        exec(compile(source, file, "exec"), told)  # what is run is what was hashed
    except Exception as error:
        raise UserError(f"{file}: {_told(error)}") from error
    return _metric(file, told, task), hashlib.sha256(source).hexdigest()


def _metric(file: Path, told: dict[str, Any], task: str) -> Metric:
    score, greater, wants = (told.get(name) for name in ("score", "GREATER_IS_BETTER", "WANTS"))
    tasks = told.get("TASKS", told.get("TASK"))
    tasks = (tasks,) if isinstance(tasks, str) else tasks
    loss = told.get("LOSS", LOSSES[task][0])
    k = told.get("K", 1)
    if not callable(score):
        raise UserError(f"{file}: lacks a function score(y, prediction) that returns a number")
    if not isinstance(greater, bool):
        raise UserError(f"{file}: lacks GREATER_IS_BETTER = True or False")
    if not isinstance(tasks, (tuple, list, set, frozenset)) or not tasks or set(tasks) - set(LOSSES):
        raise UserError(f"{file}: lacks TASK = one of {', '.join(LOSSES)}, or TASKS = (several of them)")
    if task not in tasks:
        raise UserError(f"{file}: is for {', '.join(sorted(tasks))}; competition.toml says task = '{task}'")
    if not isinstance(wants, str) or task not in WANTS.get(wants, ("", ()))[1]:
        fitting = ", ".join(f'"{name}"' for name, (_, fit) in WANTS.items() if task in fit)
        raise UserError(f"{file}: lacks WANTS = one of {fitting}, which task '{task}' has")
    if loss not in LOSSES[task]:
        raise UserError(f"{file}: LOSS is {loss!r}; for task '{task}' it is one of {', '.join(LOSSES[task])}")
    if wants == "ranks" and (not isinstance(k, int) or k < 1 or "K" not in told):
        raise UserError(f"{file}: lacks K = how many labels a row takes, a whole number")
    whole = NOT_WHOLE if task == "regression" and wants == "labels" else None
    return Metric(
        OWN, greater, frozenset({task}), loss, _guarded(file, score), wants=WANTS[wants][0], k=int(k), refuses=whole
    )


def _guarded(file: Path, score: Callable[..., Any]) -> Callable[..., float]:
    """`score` whose errors are one line each, with as many parameters."""

    def call(*arguments: Any) -> float:
        try:
            value = float(score(*arguments))
        except Exception as error:
            raise OwnMetricError(f"{file}: score: {_told(error)}") from error
        if not math.isfinite(value):
            raise OwnMetricError(f"{file}: score returned {value} and not a finite number")
        return value

    if "weights" in inspect.signature(score).parameters:
        return lambda y, prediction, weights=None: call(y, prediction, weights)
    return lambda y, prediction: call(y, prediction)


def _told(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())
