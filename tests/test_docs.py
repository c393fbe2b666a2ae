"""docs/competition.md lists what the code has, and its examples run."""

import re
import tomllib
from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd

from swapdae.competition.config import Competition, FoldKind
from swapdae.competition.metrics import FAMILIES, METRICS, OWN
from swapdae.competition.own_metric import read_own_metric
from swapdae.modelling.own_features import read_own_features
from swapdae.modelling.views import VIEWS

TEXT = (Path(__file__).parents[1] / "docs" / "competition.md").read_text(encoding="utf-8")


def first_cells(head: str) -> set[str]:
    """What stands in backticks in the first column of the table under this header."""
    lines = TEXT[TEXT.index(head) :].splitlines()[2:]
    rows = lines[: next(i for i, line in enumerate(lines) if not line.startswith("|"))]
    return {name.split(":")[0] for row in rows for name in re.findall(r"`([^`]+)`", row.split("|")[1])}


def example(language: str, containing: str) -> str:
    blocks = re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)
    (found,) = [block for block in blocks if containing in block]
    return str(found)


def test_tables_list_every_metric_fold_kind_and_view() -> None:
    assert first_cells("| metric | tasks") == {*METRICS, *FAMILIES, OWN}
    assert first_cells("| `[folds]` kind") == set(get_args(FoldKind))
    assert first_cells("| view | holds") == set(VIEWS)


def test_the_example_of_a_competition_is_one() -> None:
    values = tomllib.loads(example("toml", "[columns]"))
    competition = Competition.model_validate({"name": "own", **values})
    assert competition.folds.by == ("person",) and competition.columns.weight == "w"


def test_the_example_of_a_metric_scores(tmp_path: Path) -> None:
    (tmp_path / "metric.py").write_text(example("python", "WANTS"))
    metric, _ = read_own_metric(tmp_path, "regression")
    assert metric.value(np.zeros(2), np.array([1.0, 4.0]), np.array([1.0, 3.0])) == 25 / 4


def test_the_example_of_features_makes_columns(tmp_path: Path) -> None:
    file = tmp_path / "features.py"
    file.write_text(example("python", "def make"))
    own = read_own_features(file)
    assert own is not None and own.make is not None and own.transformers is not None
    assert list(own.make(pd.DataFrame({"x": [2.0], "y": [3.0]}))["size"]) == [6.0]
    assert len(own.transformers()) == 1
