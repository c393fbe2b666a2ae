"""select-features: choose k source columns inside every fold, and report what dropping the others costs."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from swapdae.base.errors import UserError
from swapdae.base.files import write_text
from swapdae.base.models import StrictModel
from swapdae.competition.folds import train_rows
from swapdae.competition.metrics import Metric
from swapdae.experiment.stage_report import read_report
from swapdae.heads import HEADS
from swapdae.modelling.paired import paired_difference
from swapdae.pipeline.feature_store import FeatureStore
from swapdae.pipeline.kind import StageKind, told_or_recorded
from swapdae.pipeline.plan import Plan
from swapdae.pipeline.publish import Scratch
from swapdae.pipeline.run import Run
from swapdae.pipeline.stage import Stage
from swapdae.selection.stability import stability

if TYPE_CHECKING:
    from swapdae.modelling.cross_fit import Model
    from swapdae.selection.columns import ColumnProblem

NAME = "select_features"
Array = NDArray[Any]
Names = tuple[str, ...]
REFITTED = {"lightgbm": "lightgbm", "network": "mlp"}  # models that are fitted on a choice, and their kinds of heads


class Effort(StrictModel):
    """How many columns to keep, and how much work to do."""

    k: int | None = Field(None, ge=1, description="columns to keep; half of them where not given")
    rows: int = Field(10_000, ge=100, description="train rows, drawn anew for each seed")
    seeds: int = Field(2, ge=1, description="how often all is done")
    epochs: int = Field(40, ge=1, description="epochs of a selector's training")


class Fit(StrictModel):
    """A model cross-fitted on some columns: "all", "selected", "greedy", "gain" or "random"."""

    columns: str
    k: int
    model: str
    score: float
    fold_scores: tuple[float, ...]


class Found(StrictModel):
    """What one seed gave. selections: of the k asked for, by fold."""

    fits: tuple[Fit, ...]
    selections: tuple[Names, ...]


def _stages(run: Run, before: Plan) -> list[Stage]:
    """None unless it was asked for, now or before. More seeds go on from fewer."""
    effort = told_or_recorded(run, NAME, Effort)
    if effort is None:
        return []
    return [
        Stage(
            NAME,
            lambda scratch: _body(run, effort, scratch),
            reads=("download", "folds"),
            config={
                "options": effort.model_dump(mode="json", exclude={"seeds"}),
                "folds": run.competition.folds.model_dump(mode="json"),
                "metric": run.competition.metric_key,
                "seed": run.experiment.seed,
                "heads": {kind: _params(run, kind).model_dump(mode="json") for kind in REFITTED.values()},
            },
            effort={"seeds": effort.seeds},
            code=("selection.columns", "heads.lightgbm", "heads.mlp", "competition.folds"),
            finish=lambda: _tell(run),
        )
    ]


def _tell(run: Run) -> None:
    if NAME in run.options and (report := read_report(run.directory(NAME))) is not None:
        run.say(table_of(report.metrics))


def _k(run: Run, effort: Effort) -> int:
    """The k asked for. Raises UserError where that does not lie below the number of columns that vary."""
    n = len(_columns(run))
    k = effort.k or max(1, n // 2)
    if k >= n:
        raise UserError(f"select-features: k = {k}: there are {n} columns that vary; --k must lie below")
    return k


def _columns(run: Run) -> list[str]:
    return [str(name) for name in run.data.table.train.columns if name not in run.data.table.constant]


def curve(k: int, n_columns: int) -> list[int]:
    """The ks that are shown beside k: a quarter, half and twice of it, below the number of columns."""
    return sorted({each for each in (k // 4, k // 2, k, min(2 * k, n_columns - 1)) if each})


def _body(run: Run, effort: Effort, scratch: Scratch) -> dict[str, Any]:
    k, columns, first = _k(run, effort), _columns(run), run.experiment.seed
    found = [_found(run, effort, k, seed, scratch) for seed in range(first, first + effort.seeds)]
    metrics = _summary(run, k, columns, found)
    write_text(scratch.out / "table.txt", table_of(metrics) + "\n")
    return {"device": run.device_text(), **metrics}


def _found(run: Run, effort: Effort, k: int, seed: int, scratch: Scratch) -> Found:
    """What a seed gives, or what it gave before a run was killed or asked for more seeds."""
    file = scratch.out / f"seed_{seed}.json"
    if file.is_file():
        return Found.model_validate_json(file.read_text(encoding="utf-8"))
    found = _seed(run, effort, k, problem_of(run, effort.rows, seed), seed)
    write_text(file, found.model_dump_json(indent=1) + "\n")
    return found


def problem_of(run: Run, n_rows: int, seed: int) -> "ColumnProblem":
    """The columns that vary, on rows drawn from the experiment's train rows."""
    from swapdae.selection.columns import ColumnProblem

    rows = train_rows(run.data.table.n_train, n_rows, seed)
    table = run.data.table.subset(rows)
    folds = run.data.folds.subset(rows).fewer(run.data.folds.n_per_repeat)
    problem = replace(
        FeatureStore(run).problem(["raw"]), y=table.y, weights=table.weights, folds=folds, n_test=0, seed=seed
    )
    frame = table.train[_columns(run)]
    return ColumnProblem(frame, tuple(name for name in table.categorical if name in frame), problem)


def _seed(run: Run, effort: Effort, k: int, study: "ColumnProblem", seed: int) -> Found:
    """Every kind of columns is chosen within the folds, and fitted anew."""
    from swapdae.heads.lightgbm import LightGBMModel
    from swapdae.selection.columns import order_of_gain, random_columns

    n_folds, fits, ks = study.problem.n_folds, list[Fit](), curve(k, len(study.columns))

    def fit(columns: str, n: int, model: str, by_fold: list[Names]) -> "list[Model]":
        kind = REFITTED[model]
        fitted, models = study.fit(by_fold, HEADS[kind], _params(run, kind), seed)
        scores = tuple(map(float, fitted.fold_scores))
        fits.append(Fit(columns=columns, k=n, model=model, score=float(fitted.score), fold_scores=scores))
        return models

    everything = [study.columns] * n_folds
    boosters = fit("all", len(study.columns), "lightgbm", everything)
    fit("all", len(study.columns), "network", everything)
    gain = [order_of_gain(model) for model in boosters if isinstance(model, LightGBMModel)]
    greedy = [study.select_greedily(fold, ks[-1]) for fold in range(n_folds)]
    chosen = []
    for fold in range(n_folds):
        chosen.append(study.select(fold, ks, epochs=effort.epochs, device=run.device, seed=seed))
        run.say(f"{NAME}: seed {seed}, fold {fold + 1}/{n_folds}: {', '.join(sorted(chosen[-1][k]))}")
    for n in ks:
        arms = {
            "selected": [selected[n] for selected in chosen],
            "greedy": [order[:n] for order in greedy],
            "gain": [order[:n] for order in gain],
            "random": [random_columns(study.columns, n, 1000 * seed + fold) for fold in range(n_folds)],
        }
        for columns, by_fold in arms.items():
            for model in REFITTED if n == k else ("lightgbm",):
                fit(columns, n, model, by_fold)
    return Found(fits=tuple(fits), selections=tuple(selected[k] for selected in chosen))


def _params(run: Run, kind: str) -> StrictModel:
    """The parameters of the experiment's first head of a kind, or the kind's defaults. No column is monotone: it may be
    one that is dropped."""
    named = next((head for head in run.experiment.heads.values() if head.kind == kind), None)
    return HEADS[kind].params.model_validate({} if named is None else {**named.params, **_free(kind)})


def _free(kind: str) -> dict[str, Any]:
    return {"monotone": {}} if "monotone" in HEADS[kind].params.model_fields else {}


def _quality(metric: Metric, n: int, found: Sequence[Found]) -> list[dict[str, Any]]:
    """A line for each choice and model; costs are in the metric's score, positive where dropping harms."""
    by_choice: dict[tuple[str, int, str], list[Fit]] = {}
    for fit in (fit for seed in found for fit in seed.fits):
        by_choice.setdefault((fit.columns, fit.k, fit.model), []).append(fit)
    lines = []
    for (columns, k, model), fits in by_choice.items():
        by_seed = np.array([metric.value_of(fit.score) for fit in fits])
        scores, every = (
            np.array([fit.fold_scores for fit in some]) for some in (fits, by_choice["all", n, model])
        )  # (n_seeds, n_folds)
        lines.append(
            {
                "columns": columns,
                "k": k,
                "model": model,
                metric.name: float(by_seed.mean()),
                "sd_of_seeds": float(by_seed.std(ddof=1)) if len(by_seed) > 1 else None,
                "cost": paired_difference(scores.mean(axis=0), every.mean(axis=0)),
                "cost_sd": float((every - scores).std(ddof=1)),
            }
        )
    return lines


def _summary(run: Run, k: int, columns: list[str], found: Sequence[Found]) -> dict[str, Any]:
    metric, n = run.competition.metric_of, len(columns)
    selections = [names for seed in found for names in seed.selections]
    times = Counter(name for names in selections for name in names)
    kept = sorted(columns, key=lambda name: (-times[name], columns.index(name)))[:k]
    return {
        "metric": metric.name,
        "n_columns": n,
        "k": k,
        "quality": _quality(metric, n, found),
        "stability": {
            "all": asdict(stability(selections, n)),
            "folds": [asdict(stability(seed.selections, n)) for seed in found],
            "seeds": [asdict(stability(seeds, n)) for seeds in zip(*(seed.selections for seed in found), strict=True)],
        },
        "keep": {name: times[name] / len(selections) for name in kept},
        "drop": {name: times[name] / len(selections) for name in columns if name not in kept},
        "constant": list(run.data.table.constant),
    }


def table_of(found: dict[str, Any]) -> str:
    """The report as text: quality and cost of each choice, its stability, the columns to keep and to drop."""
    metric, k, n = found["metric"], found["k"], found["n_columns"]
    lines = [f"{'columns':>10} {'k':>4} {'model':>9} {metric:>9} {'sd seeds':>9} {'cost':>9}  95% interval"]
    for line in sorted(found["quality"], key=lambda line: (line["model"], -line["k"])):
        sd = "-" if line["sd_of_seeds"] is None else f"{line['sd_of_seeds']:.5f}"
        cost, low, high = line["cost"]
        told = "" if line["columns"] == "all" else f"{cost:+9.5f}  {low:+.5f} to {high:+.5f}"
        lines.append(
            f"{line['columns']:>10} {line['k']:4} {line['model']:>9} {line[metric]:9.5f} {sd:>9} {told}".rstrip()
        )
    stable = found["stability"]["all"]
    lines.append(f"stability over folds and seeds: Jaccard {stable['jaccard']:.2f}, index {stable['index']:.2f}")
    for verb in ("keep", "drop"):
        lines.append(f"{verb}: " + ", ".join(f"{name} ({share:.0%})" for name, share in found[verb].items()))
    if found["constant"]:
        lines.append(f"drop, constant: {', '.join(found['constant'])}")
    lines.append(f"cost: score with all {n} columns less that with {k}; shares: selections that took a column")
    return "\n".join(lines)


KIND = StageKind(
    NAME,
    "Choose k source columns inside every fold, and report what dropping the others costs.",
    "report.json, table.txt",
    _stages,
    options=Effort,
    in_run=False,
)
