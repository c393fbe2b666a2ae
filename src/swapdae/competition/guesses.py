"""What a table of one's own looks like: id, target, task, metric, kinds of columns and folds, each with its reason.

Labels are looked at for task and metric alone; nothing here fits anything to them.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from swapdae.base.errors import UserError
from swapdae.competition.column_guesses import codes, groups, id_column, is_number, runs_on, texts, unused
from swapdae.competition.metrics import metric_named

FEW_INTEGERS = 10  # a target of at most so many different integers is taken for classes
MANY_LABELS = 100  # a target of more different texts than this is no class
COUNT = 5  # folds
METRIC = {"regression": "rmse", "binary": "auc", "multiclass": "logloss"}


@dataclass
class Guess:
    """values: of competition.toml. comments: lines for its end. reasons: one line each for the user. train, test,
    sample: cells as read, (n, columns) str; an id that was made is in them."""

    train: pd.DataFrame
    test: pd.DataFrame
    sample: pd.DataFrame
    values: dict[str, Any] = field(default_factory=dict)
    targets: list[str] = field(default_factory=list)  # where several, values["target"] is the first until all is told
    comments: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)

    def take(self, key: str, value: Any, why: str) -> None:
        self.values[key] = value
        self.reasons.append(f"{key}: {value} ({why})")


def guess_competition(
    train: pd.DataFrame, test: pd.DataFrame, sample: pd.DataFrame | None, told: Mapping[str, str | None]
) -> Guess:
    """Guesses of a competition from its cells, str with "" where empty.

    told: what the user says of id, target, task and metric. Raises UserError where there is nothing to guess by.
    """
    guess = Guess(train.copy(), test.copy(), pd.DataFrame())
    guess.values["host"] = "none"
    _id(guess, sample, told.get("id"))
    _target(guess, sample, told.get("target"))
    labels = max((sorted(set(guess.train[name])) for name in guess.targets), key=len)  # all targets are of one task
    _task(guess, labels, sample, told.get("task"))
    _metric(guess, labels, sample, told.get("metric"))
    _columns(guess)
    _folds(guess)
    guess.sample = _sample(guess, labels) if sample is None else sample
    if len(guess.targets) > 1:
        guess.values["target"] = guess.targets
    return guess


def _id(guess: Guess, sample: pd.DataFrame | None, told: str | None) -> None:
    name, why = told, "as told"
    if not name and sample is not None:
        name, why = str(sample.columns[0]), "the sample's first column"
    if not name:
        name, why = id_column(guess.train, guess.test), "different in every row of train and test"
    if name and (name not in guess.train or name not in guess.test):
        raise UserError(f"train and test have no common column '{name}' for the id; name another one: --id")
    if name:
        guess.take("id", name, why)
    else:
        if "id" in guess.train or "id" in guess.test:
            raise UserError("'id' is not different in every row of train and test; rename it, or name the id: --id")
        n = len(guess.train)
        for cells, start in ((guess.train, 0), (guess.test, n)):
            cells.insert(0, "id", np.arange(start, start + len(cells)).astype(str))
        guess.take("id", "id", "made: no column is different in every row; it counts the rows, train then test")


def _target(guess: Guess, sample: pd.DataFrame | None, told: str | None) -> None:
    lacking = [name for name in guess.train if name not in guess.test]
    if told and told not in guess.train:
        raise UserError(f"train has no column '{told}'; name the target by a column of train: --target")
    if not lacking or (told and told not in lacking):
        which = f"'{told}'" if told else "every column of train"
        raise UserError(f"test has {which}, so it tells the target; take the target out of test")
    asked = [] if sample is None else [str(name) for name in sample if name in lacking]
    if asked and not told:
        guess.targets = asked
        guess.take("target", asked[0], "the sample has it, test lacks it")
        guess.reasons += [f"target, too: {name} (a run of its own, joined in one CSV)" for name in asked[1:]]
        return
    if len(lacking) > 1 and not told:
        raise UserError(f"test lacks {', '.join(map(str, lacking))}; name the target: --target")
    guess.take("target", told or lacking[0], "as told" if told else "the one column that test lacks")
    guess.targets = [guess.values["target"]]


def _task(guess: Guess, labels: list[str], sample: pd.DataFrame | None, told: str | None) -> None:
    integers = all(re.fullmatch(r"[+-]?\d+", label) for label in labels)
    numbers = is_number(pd.Series(labels))
    if told:
        if told not in METRIC:
            raise UserError(f"task '{told}' is unknown; known are {', '.join(METRIC)}")
        guess.take("task", told, "as told")
    elif sample is not None and len(sample.columns) > 2 and len(guess.targets) == 1:
        guess.take("task", "multiclass", "the sample has a column for each class")
    elif len(labels) == 2:
        guess.take("task", "binary", f"the target is {labels[0]} or {labels[1]}")
    elif not numbers:
        if len(labels) > MANY_LABELS:
            few = ", ".join(labels[:3])
            raise UserError(f"the target holds {len(labels)} different texts ({few}, ...); make it numbers or classes")
        guess.take("task", "multiclass", f"the target holds {len(labels)} different texts")
    elif integers and len(labels) <= FEW_INTEGERS:
        why = f"the target holds {len(labels)} different integers; if they are amounts: --task regression"
        guess.take("task", "multiclass", why)
    else:
        guess.take("task", "regression", f"the target holds {len(labels)} different numbers")


def _metric(guess: Guess, labels: list[str], sample: pd.DataFrame | None, told: str | None) -> None:
    task = guess.values["task"]
    one_each = sample is not None and len(sample.columns) == 1 + len(guess.targets)
    known = {label for name in guess.targets for label in guess.train[name]}
    names = sample is not None and one_each and set(sample.iloc[:, 1:].to_numpy().ravel()) <= known
    if told:
        guess.take("metric", told, "as told")
    elif names and (task == "multiclass" or (task == "binary" and not is_number(pd.Series(labels)))):
        guess.take("metric", "accuracy", "the sample holds labels")
    else:
        guess.take("metric", METRIC[task], f"usual for {task}; another: --metric")


def _columns(guess: Guess) -> None:
    """Columns that "auto" would get wrong, or that tell nothing."""
    own = (guess.values["id"], *guess.targets)
    features = [str(name) for name in guess.train if name not in own]
    dropped = {name: "test lacks it" for name in features if name not in guess.test}
    dropped |= unused(guess.train[[name for name in features if name not in dropped]], guess.test)
    guess.reasons += [f"drop: {name} ({why})" for name, why in dropped.items()]
    kept = [name for name in features if name not in dropped]
    if not kept:
        raise UserError("every column is constant or an identifier, so there is nothing to learn from")
    named, free = codes(guess.train[kept], guess.test), texts(guess.train[kept], guess.test)
    guess.reasons += [f"categorical: {name} ({why})" for name, why in named.items()]
    guess.reasons += [f"text: {name} ({why})" for name, why in free.items()]
    lists = {"categorical": list(named), "drop": list(dropped), "text": list(free)}
    guess.values |= {"columns": found} if (found := {key: names for key, names in lists.items() if names}) else {}


def _folds(guess: Guess) -> None:
    """The one of time, groups and classes that weighs most; what is not sure becomes a comment."""
    values, counts = guess.values, [guess.train[name].value_counts() for name in guess.targets]
    features = [str(name) for name in guess.test if name in guess.train and name != values["id"]]
    classes = values["task"] != "regression"
    rarest = min(int(count.min()) for count in counts) if classes else COUNT
    if rarest < 2:
        label = min(counts, key=min).idxmin()
        raise UserError(f"class '{label}' has one train row, so no fold can hold it out and learn it; take it out")
    values["folds"] = {"count": min(COUNT, rarest), "kind": "stratified" if classes else "shuffle"}
    wishes = [
        ({"kind": "time", "by": name}, f"'{name}' runs on in test", True)
        for name in runs_on(guess.train[features], guess.test)
    ]
    kind = "stratified_group" if classes else "group"
    wishes += [({"kind": kind, "by": name}, why, sure) for name, why, sure in groups(guess.train[features], guess.test)]
    for wish, why, sure in wishes:
        lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in wish.items()]
        text = ", ".join(lines)
        if sure and values["folds"]["kind"] in ("stratified", "shuffle"):
            values["folds"] = {"count": COUNT, **wish}
            guess.reasons.append(f"folds: {text} ({why})")
            if wish["kind"] != "time":
                _drop(guess, wish["by"], "it names groups, and test holds others")
        else:
            guess.comments += [f"{why}?", *lines]
            guess.reasons.append(f"folds, to be decided by you: {text}? ({why})")
        if wish["kind"] == "time" and is_number(guess.train[wish["by"]]):
            _drop(guess, wish["by"], "no train row has its values in test, and no model can learn what they say")
    if not wishes:
        guess.reasons.append(f"folds: {values['folds']['kind']} (no groups and no time that runs on in test)")


def _drop(guess: Guess, name: str, why: str) -> None:
    columns = guess.values.setdefault("columns", {})
    if name not in columns.get("drop", ()):
        columns["drop"] = [*columns.get("drop", ()), name]
        columns["categorical"] = [other for other in columns.get("categorical", ()) if other != name]
        guess.reasons.append(f"drop: {name} ({why})")


def _sample(guess: Guess, labels: list[str]) -> pd.DataFrame:
    """A column of zeros for the target; of probabilities one for each class."""
    values = guess.values
    try:
        one = values["task"] != "multiclass" or metric_named(values["metric"]).wants != "predictions"
    except ValueError:  # told, and unknown; or one's own, which says what it wants in a file that is still to come
        one = False
    names = [values["target"]] if one else [f"{values['target']}_{label}" for label in labels]
    guess.reasons.append(f"sample: made, with {values['id']} and {len(names)} column{'s' * (len(names) > 1)}")
    return pd.DataFrame({values["id"]: guess.test[values["id"]], **dict.fromkeys(names, "0")})
