"""Names in a competition.toml are names: of a known host, task and metric, and of files in one folder."""

from pathlib import Path
from typing import Any

import pytest

from swapdae.base.errors import UserError
from swapdae.base.models import parse
from swapdae.base.paths import Paths
from swapdae.competition.config import Competition, FoldsConfig, read_competition
from swapdae.competition.hosts import HOSTS
from swapdae.competition.hosts.interface import host_of
from swapdae.competition.metrics import METRICS, OWN

FIELDS = {"name": "c", "host": "kaggle", "slug": "a-slug", "id": "id", "target": "y", "task": "regression"}


def refusal(**changes: Any) -> str:
    with pytest.raises(UserError) as caught:
        parse(Competition, {**FIELDS, "metric": "rmse", **changes}, "competition.toml")
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize("key", ["train", "test", "sample"])
@pytest.mark.parametrize(
    "name",
    [
        "../../x",
        "..",
        ".",
        "a/b.csv",
        "a\\b.csv",
        "/etc/passwd",
        "C:\\x.csv",
        ".hidden",
        ".fetched.json",
        "",
        "a\0b",
        "a\nb",
        "x" * 201,
        "é" * 101,
    ],
)
def test_file_name_that_is_none(key: str, name: str) -> None:
    said = refusal(files={key: name})
    assert said.startswith(f"competition.toml: files.{key}: ") and "file name" in said and len(said) < 250


def test_file_in_another_folder_is_never_reached(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("of the user")
    file = Paths(tmp_path).competition_file("c")
    file.parent.mkdir(parents=True)
    lines = [f'{key} = "{value}"' for key, value in FIELDS.items() if key != "name"]
    file.write_text("\n".join([*lines, 'metric = "rmse"', "[files]", 'train = "../../x"']))
    with pytest.raises(UserError, match=r"competition\.toml: files\.train: '\.\./\.\./x' is no plain file name"):
        read_competition(Paths(tmp_path), "c")
    assert (tmp_path / "x").read_text() == "of the user"


@pytest.mark.parametrize("files", [{"train": "a.csv", "test": "a.csv"}, {"train": "a.csv", "sample": "A.CSV"}])
def test_two_files_of_one_name(files: dict[str, str]) -> None:
    _, other = files
    assert f"files: train and {other} are named alike" in refusal(files=files)


def test_ordinary_file_names() -> None:
    files = {"train": "Train set (v2).csv", "test": "tést..csv", "sample": "x" * 200}
    assert parse(Competition, {**FIELDS, "metric": "rmse", "files": files}, "here").files.all == tuple(files.values())


@pytest.mark.parametrize(
    ("known", "said"),
    [
        ({"trian.csv": "0" * 40}, "git_blob_sha1 knows 'trian.csv'"),
        ({"train.csv": "0" * 39}, "git_blob_sha1.train.csv"),
    ],
)
def test_known_files_are_those_of_the_competition(known: dict[str, str], said: str) -> None:
    assert said in refusal(git_blob_sha1=known)


def test_unknown_host_is_refused_with_those_known() -> None:
    assert refusal(host="kagle") == "competition.toml: host: 'kagle' is unknown; known are kaggle, none, nycflights13"


def test_host_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    class MyHost:
        pass

    monkeypatch.setitem(HOSTS, "mine", MyHost)
    competition = parse(Competition, {**FIELDS, "metric": "rmse", "host": "mine"}, "here")
    assert isinstance(host_of(competition), MyHost)
    assert "known are kaggle, none, nycflights13, mine" in refusal(host="kagle")


EXAMPLES = ("quantile:0.9", "fbeta:2", "map:3")
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


NO_FILE_NAME = "folds: '../x.csv' is no plain file name: no folders, no dot in front, nothing unprintable"


def test_folds_are_known_by_what_is_not_left_at_its_default() -> None:
    """A key of the folds that another release adds must not make stale what it does not touch."""
    assert FoldsConfig().model_dump(mode="json") == {"count": 5, "kind": "shuffle", "seed": 0}
    timed = FoldsConfig(kind="time", by=("t",), gap=2)
    assert timed.model_dump(mode="json") == {"count": 5, "kind": "time", "seed": 0, "by": ["t"], "gap": 2.0}
    assert FoldsConfig.model_validate(timed.model_dump(mode="json")) == timed


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"metric": "rmlse"}, f"metric 'rmlse' is unknown; known are {', '.join((*METRICS, *EXAMPLES, OWN))}"),
        (
            {"metric": "auc"},
            "metric 'auc' does not fit task 'regression', which takes rmse, mae, rmsle, mape, smape, "
            "median_absolute_error, r2, poisson, gamma, kappa_linear, kappa_quadratic, quantile:0.9",
        ),
        (
            {"task": "multiclass"},
            "metric 'rmse' does not fit task 'multiclass', which takes auc, logloss, accuracy, balanced_accuracy, mcc, "
            "macro_f1, kappa_linear, kappa_quadratic, map:3",
        ),
        ({"metric": "quantile:1"}, "metric 'quantile:1': '1' is not a level between 0 and 1, as in quantile:0.9"),
        ({"metric": "fbeta:x"}, "metric 'fbeta:x': 'x' is not a positive number, as in fbeta:2"),
        ({"metric": "map:0"}, "metric 'map:0': '0' is not a number of labels, as in map:3"),
        ({"task": "ranking"}, "task: Input should be 'regression', 'binary' or 'multiclass'"),
        (
            {"folds": {"kind": "stratified"}},
            "folds.kind = 'stratified' needs classes; a regression takes 'shuffle'",
        ),
        (
            {"folds": {"kind": "stratified_group", "by": "g"}},
            "folds.kind = 'stratified_group' needs classes; a regression takes 'group'",
        ),
        ({"folds": {"kind": "group", "by": ["g", "y"]}}, "folds.by = 'y' is the target; name another column"),
        (
            {"folds": {"kind": "group"}},
            "folds: kind = 'group' needs by = the column, or columns, whose rows stay together",
        ),
        ({"folds": {"kind": "file"}}, "folds: kind = 'file' needs by = the CSV with id and fold"),
        ({"folds": {"kind": "file", "by": "../x.csv"}}, NO_FILE_NAME),
        ({"folds": {"by": "g"}}, "folds: kind = 'shuffle' takes no by"),
        ({"folds": {"kind": "time", "by": ["a", "b"]}}, "folds: kind = 'time' takes one name as by"),
        ({"folds": {"gap": 3}}, "folds: 'gap' is of kind = 'time'; this kind is 'shuffle'"),
        (
            {"folds": {"kind": "time", "by": "t", "embargo": 3}},
            "folds: embargo is of window = 'purged', which trains on later rows, too",
        ),
        (
            {"folds": {"kind": "time", "by": "t", "repeats": 2}},
            "folds: repeats draws anew, and kind = 'time' draws nothing",
        ),
        (
            {"folds": {"kind": "column", "by": "f", "count": 3}},
            "folds: kind = 'column' takes the count of folds from the numbers; leave count out",
        ),
    ],
)
def test_what_does_not_fit_is_refused_by_name(changes: dict[str, object], line: str) -> None:
    with pytest.raises(UserError) as refused:
        parse(Competition, {**GIVEN, **changes}, "a.toml")
    assert str(refused.value) == f"a.toml: {line}"
