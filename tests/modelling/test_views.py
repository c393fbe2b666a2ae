"""Views on a real table: what each holds, which rows it may see, and that no label leaks."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from conftest import synthetic_frame
from swapdae.base.errors import UserError
from swapdae.competition.fold_rows import partition
from swapdae.competition.metrics import METRICS
from swapdae.experiment.config import HeadConfig
from swapdae.heads import HEADS
from swapdae.modelling import encodings
from swapdae.modelling.cross_fit import CrossFit, Problem, cross_fit
from swapdae.modelling.features import FeatureSet, JoinedFeatures
from swapdae.modelling.fitted_view import Fit, JsonView
from swapdae.modelling.own_features import read_own_features
from swapdae.modelling.views import VIEWS, MadeFeatures, Source, View, make_view

N_TRAIN, N_TEST, N_FOLDS = 600, 200, 3
LABELLED = [name for name, view in VIEWS.items() if view.reads_labels]
MADE_HERE = [name for name, view in VIEWS.items() if view.stage is None]
OWN = """
from sklearn.preprocessing import TargetEncoder
from sklearn.pipeline import make_pipeline
from sklearn.compose import make_column_transformer
def transformers():
    return [make_column_transformer((TargetEncoder(cv=3, target_type="continuous"), ["c3"]))]
"""


def source(tmp_path: Path, frame: pd.DataFrame | None = None, y: NDArray[Any] | None = None) -> Source:
    """The synthetic table; y: of the train rows, where it is another."""
    table = synthetic_frame(N_TRAIN + N_TEST, seed=0)
    (tmp_path / "features.py").write_text(OWN)
    folds = np.random.default_rng(0).permutation(N_TRAIN) % N_FOLDS
    frame = table.drop(columns="target") if frame is None else frame
    return Source(
        frame=frame,
        categorical=tuple(str(name) for name in frame if not pd.api.types.is_numeric_dtype(frame[name])),
        numerical=tuple(str(name) for name in frame if pd.api.types.is_numeric_dtype(frame[name])),
        y=table["target"].to_numpy()[:N_TRAIN] if y is None else y,
        n_classes=0,
        label_free=[np.arange(N_TRAIN + N_TEST)],
        training=[np.flatnonzero(folds != k) for k in range(N_FOLDS)],
        seed=0,
        dae_files=list,
        own=read_own_features(tmp_path / "features.py"),
    )


def column(found: Source, view: str, name: str, fold: int = 0) -> NDArray[Any]:
    native = make_view(view, found).native(fold)
    return np.asarray(native.x_num[0][:, native.names.index(name) - native.x_cat.shape[1]])


def fit(found: Source, views: Sequence[str], head: str, **params: Any) -> CrossFit:
    folds = np.full(N_TRAIN, -1)
    for k, rows in enumerate(found.training):
        folds[np.setdiff1d(np.arange(N_TRAIN), rows)] = k
    features = JoinedFeatures([make_view(name, found) for name in views])
    problem = Problem(features, found.y, partition(folds), N_TEST, "regression", 0, METRICS["rmse"], seed=0)
    kind = HEADS[head]
    return cross_fit(problem, kind.factory(kind.params.model_validate(params), 0))


@pytest.mark.parametrize("view", MADE_HERE)
def test_every_view_has_all_rows_and_a_finite_dense_form(tmp_path: Path, view: str) -> None:
    features = make_view(view, source(tmp_path))
    for fold in range(N_FOLDS):
        native, (dense,) = features.native(fold), features.dense(fold)
        assert len(native.x_cat) == len(native.x_num[0]) == len(dense) == N_TRAIN + N_TEST
        assert len(native.names) == native.x_cat.shape[1] + native.x_num[0].shape[1] > 0
        assert len(set(native.names)) == len(native.names)
        assert np.isfinite(dense).all() and dense.shape[1] > 0
    assert features.shared == (not VIEWS[view].reads_labels)


@pytest.mark.parametrize("view", LABELLED)
def test_targets_of_held_out_rows_change_nothing_in_their_fold(tmp_path: Path, view: str) -> None:
    found = source(tmp_path)
    held_out = np.setdiff1d(np.arange(N_TRAIN), found.training[1])
    y = found.y.copy()
    y[held_out] = 1e6 * np.random.default_rng(5).permutation(y[held_out])
    features, permuted = make_view(view, found), make_view(view, replace(found, y=y))
    before, after = features.native(1), permuted.native(1)
    assert before.names == after.names and np.array_equal(before.x_num[0], after.x_num[0], equal_nan=True)
    assert np.array_equal(features.dense(1)[0], permuted.dense(1)[0])
    other = permuted.native(0)
    same = other.names == features.native(0).names
    assert not (same and np.array_equal(other.x_num[0], features.native(0).x_num[0], equal_nan=True))


def test_target_means_are_those_of_the_training_part(tmp_path: Path) -> None:
    """Of rows outside by all of it; of rows inside without their own inner fold."""
    found = source(tmp_path)
    values, train = column(found, "te", "te_c0", 2), found.training[2]
    level, y = found.frame["c0"].to_numpy(), found.y
    outside = np.setdiff1d(np.arange(N_TRAIN + N_TEST), train)
    for name in "ab":
        mean = y[train][level[train] == name].mean()
        assert values[outside][level[outside] == name] == pytest.approx(mean, abs=0.02), "smoothing moves it by little"
        assert len(np.unique(values[train][level[train] == name])) == encodings.INNER_FOLDS
    assert set(np.unique(values[outside])).isdisjoint(values[train])


def test_a_level_for_each_row_gains_nothing(tmp_path: Path) -> None:
    """Neither for a tree nor for ridge: a random target is not predicted better than by its mean."""
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"c": [f"u{k}" for k in range(N_TRAIN + N_TEST)], "d": rng.choice(list("ab"), 800)})
    y = rng.normal(size=N_TRAIN)
    found = source(tmp_path, frame, y)
    assert column(found, "te", "te_c") == pytest.approx(y[found.training[0]].mean(), rel=1e-6), "of every row alike"
    for head, params in (("ridge", {"alpha": 1.0}), ("lightgbm", {"min_child_samples": 5, "n_estimators": 100})):
        assert -fit(found, ["te"], head, **params).score > y.std() * 0.99


def test_rows_of_a_group_are_encoded_without_their_group(tmp_path: Path) -> None:
    """Each person has a level of its own and one target: within a group a row's target would be read off another's."""
    person = np.arange(N_TRAIN + N_TEST) // 4
    y = np.random.default_rng(4).normal(size=1000)[person[:N_TRAIN]]
    frame = pd.DataFrame({"c": [f"p{k}" for k in person], "d": np.random.default_rng(5).choice(list("ab"), 800)})
    whole = [np.flatnonzero(person[:N_TRAIN] % N_FOLDS != k) for k in range(N_FOLDS)]
    torn = replace(source(tmp_path, frame, y), training=whole)
    kept = replace(torn, groups=person[:N_TRAIN])
    rows = whole[0]
    assert np.corrcoef(column(torn, "te", "te_c")[rows], y[rows])[0, 1] > 0.7
    assert column(kept, "te", "te_c") == pytest.approx(y[rows].mean(), rel=1e-6)


def test_target_means_of_classes(tmp_path: Path) -> None:
    found = source(tmp_path)
    y = np.digitize(found.y, np.quantile(found.y, [0.3, 0.7]))
    many = make_view("te", replace(found, y=y, n_classes=3)).native(0)
    assert many.names[:4] == ("te_c0_0", "te_c1_0", "te_c2_0", "te_c3_0") and len(many.names) == 12
    assert many.x_num[0].reshape(-1, 3, 4).sum(axis=1) == pytest.approx(1, abs=0.1), "shares of the classes"
    two = make_view("te", replace(found, y=(y > 0).astype(int), n_classes=2)).native(0)
    assert two.names == ("te_c0", "te_c1", "te_c2", "te_c3")


def test_frequencies_count_train_and_test_or_what_a_fold_may_see(tmp_path: Path) -> None:
    found = source(tmp_path)
    counts = found.frame["c1"].value_counts()
    assert column(found, "freq", "freq_c1") == pytest.approx(np.log1p(counts[found.frame["c1"]].to_numpy()), rel=1e-6)
    per_fold = replace(found, label_free=found.training)
    counts = found.frame["c1"][found.training[1]].value_counts()
    assert column(per_fold, "freq", "freq_c1", 1) == pytest.approx(
        np.log1p(counts[found.frame["c1"]].to_numpy()), rel=1e-6
    )


def test_bins_hold_equal_counts_and_missing_numbers_have_their_own(tmp_path: Path) -> None:
    found = source(tmp_path)
    frame = found.frame.assign(x0=found.frame["x0"].where(np.arange(N_TRAIN + N_TEST) >= 80), x1=7.0)
    native = make_view("bins", replace(found, frame=frame)).native(0)
    counts = np.bincount(native.x_cat[:, 0])[1:]
    assert native.names[0] == "bin_x0" and len(counts) == encodings.N_BINS + 1
    assert sorted(counts)[:-1] == [45] * encodings.N_BINS and counts[-1] == 80
    assert native.n_levels[1] == 1, "a constant column has no bins"


def test_pieces_make_ridge_follow_a_bent_line(tmp_path: Path) -> None:
    """Fitted on the rows that a fold may see, and no others; a missing number is at their mean."""
    x = np.random.default_rng(9).uniform(-3, 3, size=N_TRAIN + N_TEST)
    frame = pd.DataFrame({"x": x, "y": 7.0})
    found = source(tmp_path, frame, np.abs(x[:N_TRAIN]))
    assert -fit(found, ["raw"], "ridge", alpha=1e-3).score > 0.9 * found.y.std()
    assert -fit(found, ["pieces"], "ridge", alpha=1e-3).score < 0.05 * found.y.std()
    frame.loc[:99, "x"] = np.nan
    per_fold = replace(found, label_free=found.training)
    rows = found.training[1][found.training[1] > 99]
    edges = np.quantile(x[rows], np.linspace(0, 1, 17))
    t, mean = 9, x[rows].mean()
    expected = np.clip((np.where(np.arange(len(x)) < 100, mean, x) - edges[t]) / (edges[t + 1] - edges[t]), 0, 1)
    assert column(per_fold, "pieces", f"piece_x_{t}", 1) == pytest.approx(expected, abs=1e-6)
    assert len(make_view("pieces", per_fold).native(1).names) == 16, "a constant column has none"


def test_the_pair_that_matters_is_crossed(tmp_path: Path) -> None:
    """c0 and c1 say nothing alone; whether they agree says all."""
    rng = np.random.default_rng(6)
    frame = pd.DataFrame({name: rng.choice(list("ab"), N_TRAIN + N_TEST) for name in ("c0", "c1", "c2", "c3")})
    y = np.where(frame["c0"] == frame["c1"], 1.0, -1.0)[:N_TRAIN] + 0.1 * rng.normal(size=N_TRAIN)
    found = source(tmp_path, frame, y)
    assert make_view("cross", found).native(0).names[0] == "te_c0*c1"
    assert -fit(found, ["raw"], "ridge", alpha=1.0).score > 0.9
    assert -fit(found, ["raw", "cross"], "ridge", alpha=1.0).score < 0.15


@pytest.mark.parametrize("sign", list(encodings.OPERATIONS))
def test_the_numbers_that_belong_together_are_paired(tmp_path: Path, sign: str) -> None:
    rng = np.random.default_rng(7)
    frame = pd.DataFrame(rng.uniform(1, 9, size=(N_TRAIN + N_TEST, 5)), columns=list("abcde"))
    y = encodings.OPERATIONS[sign](frame["b"].to_numpy(), frame["d"].to_numpy())[:N_TRAIN]
    found = source(tmp_path, frame, y)
    names = make_view("arith", found).native(0).names
    assert f"b{sign}d" in names and len(names) <= encodings.N_PAIRS
    assert -fit(found, ["raw", "arith"], "ridge", alpha=1.0).score < 0.2 * y.std()


def test_a_ratio_by_zero_and_one_by_next_to_nothing_stay_numbers(tmp_path: Path) -> None:
    rng = np.random.default_rng(8)
    frame = pd.DataFrame(rng.normal(size=(N_TRAIN + N_TEST, 2)), columns=["a", "b"])
    frame.loc[:40, "b"] = 0.0
    frame.loc[41, "b"] = 1e-300
    found = source(tmp_path, frame, np.sign((frame["a"] * frame["b"]).to_numpy()[:N_TRAIN]))
    native = make_view("arith", found).native(0)
    assert not np.isinf(native.x_num[0]).any() and "a*b" in native.names


def test_a_view_without_columns_to_read_is_refused(tmp_path: Path) -> None:
    found = source(tmp_path)
    with pytest.raises(UserError, match="view 'te' needs 1 categorical columns, the table has 0; take it from"):
        make_view("te", replace(found, categorical=()))
    with pytest.raises(UserError, match="view 'arith' needs 2 numerical columns, the table has 1"):
        make_view("arith", replace(found, numerical=("x0",)))


def test_own_transformers_cross_fit_their_training_rows(tmp_path: Path) -> None:
    """Of a TargetEncoder fit_transform cross-fits, and fit followed by transform does not."""
    found = source(tmp_path)
    native = make_view("own", found).native(0)
    (name,) = native.names
    assert name.startswith("own0_")
    values, train = native.x_num[0][:, 0], found.training[0]
    level = found.frame["c3"].to_numpy()
    inside = {values[row] for row in train if level[row] == "l3"}
    outside = {values[row] for row in np.setdiff1d(np.arange(N_TRAIN + N_TEST), train) if level[row] == "l3"}
    assert len(inside) == 3 and len(outside) == 1 and inside.isdisjoint(outside)


def test_a_view_is_added_by_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From outside: rank of a number among all rows."""

    class Ranks(JsonView):
        known: tuple[float, ...]

        def columns(self, frame: pd.DataFrame) -> pd.DataFrame:
            return pd.DataFrame({"rank_x0": np.searchsorted(self.known, frame["x0"]) + 1.0}, frame.index)

    def make(source: Source) -> FeatureSet:
        ranks = Ranks(known=tuple(np.sort(source.frame["x0"])))
        return MadeFeatures(source.frame, lambda k: Fit(ranks), source.label_free)

    monkeypatch.setitem(VIEWS, "rank", View("ranks", make, Ranks.load))
    features = make_view("rank", source(tmp_path))
    assert features.shared and features.native(2).names == ("rank_x0",)
    assert HeadConfig(kind="ridge", features=("raw", "rank")).features == ("raw", "rank")
