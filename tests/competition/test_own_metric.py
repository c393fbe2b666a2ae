"""One's own metric.py: what it says is used, what it lacks is told in one line."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from swapdae.base.errors import UserError
from swapdae.base.paths import Paths
from swapdae.competition.config import Competition, Task, read_competition
from swapdae.competition.metrics import metric_named
from swapdae.competition.own_metric import read_own_metric
from swapdae.competition.table import read_table

LARGEST = """
import numpy as np
GREATER_IS_BETTER = False
TASK = "regression"
WANTS = "numbers"
def score(y, prediction, weights=None):
    return np.max(np.abs(y - prediction) * (1 if weights is None else weights))
"""
HITS = """
GREATER_IS_BETTER = True
TASKS = ("binary", "multiclass")
WANTS = "labels"
def score(y, prediction):
    return (y == prediction).mean()
"""
TOML = 'host = "kaggle"\nslug = "s"\nid = "id"\ntarget = "target"\nmetric = "mine"\ntask = "{task}"\n'


def competition(root: Path, source: str, task: str = "regression") -> Competition:
    paths = Paths(root)
    paths.input("c").mkdir(parents=True, exist_ok=True)
    paths.competition_file("c").write_text(TOML.format(task=task))
    (paths.input("c") / "metric.py").write_text(source)
    return read_competition(paths, "c")


def test_its_score_direction_loss_and_weights(tmp_path: Path) -> None:
    made = competition(tmp_path, LARGEST + 'LOSS = "absolute"\n')
    metric, y = made.metric_of, np.array([1.0, 2, 3])
    assert (metric.name, metric.loss, metric.greater_is_better) == ("mine", "absolute", False)
    off = np.array([1.0, 4, 4])
    assert metric.value(y, off) == 2 and metric.score(y, off) == -2
    assert metric.value(y, off, np.array([1, 1, 5])) == 5
    assert competition(tmp_path, LARGEST).metric_of.loss == "squared"
    assert not [file for file in (tmp_path / "input" / "c").iterdir() if file.suffix not in (".py", ".toml")]


def test_labels_are_decided_before_it_is_asked(tmp_path: Path) -> None:
    many = competition(tmp_path, HITS, "multiclass").metric_of
    assert many.value(np.array([0, 2]), np.array([[0.5, 0.3, 0.2], [0.1, 0.8, 0.1]])) == 0.5
    two = competition(tmp_path, HITS, "binary").metric_of
    assert (two.value(np.array([0, 1]), np.array([0.4, 0.6])), two.wants, two.loss) == (1, "labels", "log")
    with pytest.raises(ValueError, match="takes no weights"):
        two.value(np.array([0, 1]), np.array([0.4, 0.6]), np.ones(2))


def test_ranks_are_the_likeliest_classes(tmp_path: Path) -> None:
    source = HITS.replace('"labels"', '"ranks"\nK = 2').replace("y == prediction", "y == prediction[:, 1]")
    metric = competition(tmp_path, source.replace('"binary", ', ""), "multiclass").metric_of
    assert metric.value(np.array([0, 2]), np.array([[0.5, 0.3, 0.2], [0.1, 0.6, 0.3]])) == 0.5 and metric.k == 2


def test_the_source_is_part_of_the_key(tmp_path: Path) -> None:
    one = competition(tmp_path, LARGEST)
    assert one.metric_sha256 == hashlib.sha256(LARGEST.encode()).hexdigest() and one.metric_sha256 in one.metric_key
    other = competition(tmp_path, LARGEST + "# a remark\n")
    assert one.metric_key != other.metric_key and one.model_dump() != other.model_dump()
    assert metric_named("rmse").name == one.model_copy(update={"metric": "rmse", "metric_sha256": ""}).metric_key


@pytest.mark.parametrize(
    ("source", "task", "message"),
    [
        ("def score(y", "regression", r"SyntaxError: '\(' was never closed"),
        ("import no_such_module", "regression", "ModuleNotFoundError: No module named 'no_such_module'"),
        (LARGEST.replace("def score", "def scor"), "regression", r"lacks a function score\(y, prediction\)"),
        (LARGEST.replace("= False", "= 0"), "regression", "lacks GREATER_IS_BETTER = True or False"),
        (LARGEST.replace("TASK =", "TSK ="), "regression", "lacks TASK = one of regression, binary, multiclass"),
        (LARGEST.replace('"regression"', '"ranking"'), "regression", "lacks TASK = one of"),
        (LARGEST, "binary", "is for regression; competition.toml says task = 'binary'"),
        (LARGEST.replace('"numbers"', '"ranks"'), "regression", 'lacks WANTS = one of "numbers", "labels", which task'),
        (HITS.replace('"labels"', '"numbers"'), "binary", 'WANTS = one of "probabilities", "labels", which task'),
        (HITS.replace('"labels"', '"ranks"'), "multiclass", "lacks K = how many labels a row takes"),
        (LARGEST + 'LOSS = "log"', "regression", "LOSS is 'log'; for task 'regression' it is one of squared, absolute"),
    ],
)
def test_what_it_lacks_is_told_in_one_line(source: str, task: Task, message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message) as refused:
        competition(tmp_path, source, task)
    assert str(refused.value).startswith(str(tmp_path / "input" / "c" / "metric.py")) and "\n" not in str(refused.value)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"metric\.py: no such file; metric = 'mine' takes its function score"):
        read_own_metric(tmp_path, "regression")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (LARGEST.replace("np.max(", "np.max(missing + "), "score: NameError: name 'missing' is not defined"),
        (LARGEST.replace("np.max(", "np.nan * np.max("), "score returned nan and not a finite number"),
        (LARGEST.replace("return np", "return 1, np"), "score: TypeError"),
        (LARGEST.replace('"numbers"', '"labels"'), "'1.5' is not whole, as labels of a regression are"),
    ],
)
def test_what_fails_in_it_fails_when_the_table_is_read(source: str, message: str, tmp_path: Path) -> None:
    made, folder = competition(tmp_path, source), tmp_path / "input" / "c"
    (folder / "train.csv").write_text("id,x,target\n1,1,1.5\n2,3,2\n3,2,7\n")
    (folder / "test.csv").write_text("id,x\n4,1\n")
    (folder / "sample_submission.csv").write_text("id,target\n4,0\n")
    with pytest.raises(UserError, match=message):
        read_table(made, folder)


@pytest.mark.parametrize(("task", "labels"), [("binary", "aba"), ("multiclass", "abc")])
def test_it_is_tried_on_classes_too(task: Task, labels: str, tmp_path: Path) -> None:
    made, folder = competition(tmp_path, HITS, task), tmp_path / "input" / "c"
    (folder / "train.csv").write_text("id,x,target\n" + "".join(f"{i},{i},{label}\n" for i, label in enumerate(labels)))
    (folder / "test.csv").write_text("id,x\n4,1\n")
    (folder / "sample_submission.csv").write_text("id,target\n4,a\n")
    assert read_table(made, folder).n_train == 3
