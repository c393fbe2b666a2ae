"""An unknown task or metric is refused by a line that names the known ones."""

import pytest

from swapdae.base.errors import UserError
from swapdae.base.models import parse
from swapdae.competition.config import Competition

GIVEN = {
    "name": "a",
    "host": "kaggle",
    "slug": "a",
    "id": "id",
    "target": "y",
    "task": "regression",
    "metric": "rmse",
    "folds": {"count": 3},
}


def test_metric_is_that_of_the_registry() -> None:
    assert parse(Competition, GIVEN, "a.toml").metric_of.loss == "squared"


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"metric": "rmsle"}, "metric 'rmsle' is unknown; known are rmse, mae, auc, logloss, accuracy"),
        ({"metric": "auc"}, "metric 'auc' does not fit task 'regression', which takes rmse, mae"),
        (
            {"task": "binary"},
            "metric 'rmse' does not fit task 'binary', which takes auc, logloss, accuracy",
        ),
        ({"task": "ranking"}, "task: Input should be 'regression', 'binary' or 'multiclass'"),
        (
            {"folds": {"kind": "stratified"}},
            "folds.kind = 'stratified' needs classes; a regression takes 'shuffle'",
        ),
    ],
)
def test_what_does_not_fit_is_refused_by_name(changes: dict[str, object], line: str) -> None:
    with pytest.raises(UserError) as refused:
        parse(Competition, {**GIVEN, **changes}, "a.toml")
    assert str(refused.value) == f"a.toml: {line}"
