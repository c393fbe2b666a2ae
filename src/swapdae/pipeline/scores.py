"""The result table of an experiment, read from the reports of its stages."""

from typing import Any

from swapdae.base.text import markdown_table
from swapdae.experiment.stage_report import read_report
from swapdae.pipeline.run import Run

Scores = dict[str, Any]


def scores_of(run: Run) -> Scores:
    """{"heads": {name: {features, oof, public, private, seconds}}, "blend": {oof, oof_cross_fitted, public, private,
    weights}, "worth", "rows_left_out"}; None where a stage has not run. seconds: tuning and fitting together. worth:
    what that stage says of the autoencoder. rows_left_out: train rows that no fold holds out, and that out-of-fold
    scores leave out."""
    metric = run.competition.metric
    told = read_report(run.directory("score"))
    outside = told.metrics if told else {}
    heads = {}
    for name, config in run.experiment.heads.items():
        fitted, tuned = (read_report(run.directory(f"{stage}/{name}")) for stage in ("heads", "tune"))
        heads[name] = {
            "features": config.features_text,
            "oof": fitted.metrics[metric] if fitted else None,
            **_outside(outside.get(name)),
            "seconds": sum(report.seconds for report in (fitted, tuned) if report) if fitted else None,
        }
    blend, submitted = read_report(run.directory("blend")), read_report(run.directory("submit"))
    worth = read_report(run.directory("worth")) if run.experiment.uses_dae else None
    # A submission may be of an older blend; a host that tells without one was asked about this one.
    scored = outside.get("blend", {"public": None, "private": None})
    return {
        "heads": heads,
        "blend": {
            "oof": blend.metrics[metric] if blend else None,
            "oof_cross_fitted": blend.metrics["cross_fitted"] if blend else None,
            **_outside(scored if scored["public"] is not None or submitted is None else submitted.metrics),
            "weights": blend.metrics["weights"] if blend else None,
        },
        "worth": worth.metrics if worth else None,
        "rows_left_out": folds.metrics["rows_left_out"] if (folds := read_report(run.directory("folds"))) else None,
    }


def _outside(found: dict[str, Any] | None) -> dict[str, float | None]:
    return {name: found[name] if found else None for name in ("public", "private")}


def score_table(run: Run, scores: Scores) -> str:
    """The scores as a Markdown table, with ridge on the untrained network beside the heads, how many train rows they
    leave out, if any, and what the autoencoder adds."""
    rows = [[f"{run.competition.metric}", "features", "out of fold", "public", "private", "weight", "seconds"]]
    blend = scores["blend"]
    weights = blend["weights"] or {}
    for name, head in scores["heads"].items():
        numbers = [_text(head[key], 5) for key in ("oof", "public", "private")]
        rows.append([name, head["features"], *numbers, _text(weights.get(name), 2), _text(head["seconds"], 0)])
    if worth := scores["worth"]:  # the yardstick of what the training is for
        oof, seconds = _text(worth["ridge"]["untrained"], 5), _text(worth["ridge_seconds"]["untrained"], 0)
        rows.append(["ridge (not blended)", "untrained dae", oof, "", "", "", seconds])
    numbers = [_text(blend[key], 5) for key in ("oof_cross_fitted", "public", "private")]
    rows.append(["blend (cross-fitted)", "", *numbers, "", ""])
    rows = _known(rows)
    n = scores["rows_left_out"]
    note = f"\n\nOut of fold leaves out {n} train rows that no fold holds out." if n else ""
    said = f"\n\n{worth['sentence']}" if worth else ""
    return markdown_table(rows) + note + said


def score_line(run: Run) -> str:
    """Of all targets of an experiment that has several: the mean of their blends' scores, and what the host says."""
    blend, submitted = read_report(run.directory("blend")), read_report(run.directory("submit"))
    mean = blend.metrics["cross_fitted"] if blend else None
    outside = submitted.metrics if submitted else {}
    figures = {"public": outside.get("public"), "private": outside.get("private")}
    told = [f"{name} {value:.5f}" for name, value in figures.items() if value is not None]
    return ", ".join([f"all targets: mean cross-fitted {run.competition.metric} {_text(mean, 5)}", *told])


def _known(rows: list[list[str]]) -> list[list[str]]:
    """Without columns in which nothing is known."""
    columns = [column for column in zip(*rows, strict=True) if set(column[1:]) - {"-", ""}]
    return [list(row) for row in zip(*columns, strict=True)]


def _text(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
