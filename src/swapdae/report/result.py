"""The result: the headline of the page, and the section with every head's score and the blend's."""

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from swapdae.base.text import shortened
from swapdae.modelling.cross_fit import fold_values
from swapdae.report.drawing import BLUE, ORANGE, named_rows, picture
from swapdae.report.page import Grid, Headline, Picture, Section, listed, text_of
from swapdae.report.stage_results import StageResults

Array = NDArray[np.float64]
BY_HAND = ("select_features", "submit")  # stages that `swapdae run` leaves to the user


def headline(found: StageResults) -> Headline:
    """The blend's score, the best single head's, and the command that comes next."""
    competition, name = found.competition, found.experiment.name
    about = f"{competition.name}: {competition.task}, {found.metric} ({found.better}). Made by swapdae."
    return Headline(about, _sentence(found), _worth(found), *_next_step(found, name))


def _worth(found: StageResults) -> str:
    """What the autoencoder adds, as the stage worth says it."""
    if not found.experiment.uses_dae:
        return "No head reads the autoencoder's features."
    metrics = found.metrics("worth")
    return metrics["sentence"] if metrics else ""


def _sentence(found: StageResults) -> str:
    scores = {name: head["oof"] for name, head in found.scores["heads"].items() if head["oof"] is not None}
    blend = found.scores["blend"]["oof_cross_fitted"]
    if not scores:
        return "There is no score yet: no head has been fitted."
    best = max(scores, key=lambda name: found.competition.metric_of.value_of(scores[name]))
    single = f"the best single head is {shortened(best)} with {text_of(scores[best], 5)}"
    if blend is None:
        return f"There is no blend yet; {single} ({found.metric} out of fold, {found.better})."
    return f"The blend has {found.metric} {text_of(blend, 5)} out of fold ({found.better}); {single}."


def _next_step(found: StageResults, name: str) -> tuple[str, str]:
    """What to do next, and the command that does it."""
    undone = [stage for stage, state in found.states.items() if state.state != "done" and stage not in BY_HAND]
    drifted = [stage for stage, state in found.states.items() if state.drift]
    if undone or not found.states:
        return f"Next: make what is missing or stale ({listed(undone) or 'everything'}).", f"swapdae run {name}"
    if drifted:
        return (
            f"Next: remake what other code or libraries have made ({listed(drifted)}).",
            f"swapdae run {name} --strict",
        )
    hands_in = found.competition.host != "none"
    if hands_in and found.competition.targets:
        return "Next: once every target is made, submit them together.", f"swapdae submit {name.partition('/')[0]}"
    if hands_in and "submit" in found.states and found.states["submit"].state != "done":
        return "Next: submit the blend's predictions.", f"swapdae submit {name}"
    return "All is done. Next: compare it with another experiment.", f"swapdae compare {name} OTHER"


def section(found: StageResults) -> Section:
    """Each head and the blend: out of fold, weight, public, private, features, seconds."""
    blend = found.scores["blend"]
    weights = blend["weights"] or {}
    rows = []
    for name, head in found.scores["heads"].items():
        numbers = [text_of(head[key], 5) for key in ("public", "private")]
        weight = text_of(weights.get(name), 2)
        rows.append((name, text_of(head["oof"], 5), weight, *numbers, head["features"], text_of(head["seconds"], 0)))
    numbers = [text_of(blend[key], 5) for key in ("public", "private")]
    rows.append(("blend, cross-fitted", text_of(blend["oof_cross_fitted"], 5), "", *numbers, "", ""))
    head = ("", "out of fold", "weight", "public", "private", "features", "seconds")
    grid = Grid(f"Scores: {found.metric}, {found.better}", head, tuple(rows))
    text = [
        "Out of fold: every train row is predicted by models that have not seen it. Cross-fitted: the weights that "
        "blend a fold's rows were fitted on the other folds."
    ]
    if found.folds is not None and (n := int((~found.predicted).sum())):
        text.append(f"{n:,} of {len(found.folds):,} train rows are held out by no fold: these scores leave them out.")
    if stale := [name for name, state in found.states.items() if state.state == "stale"]:
        text.append(f"Stale, made with another configuration or other data than there is now: {listed(stale)}.")
    if drifted := [name for name, state in found.states.items() if state.drift]:
        text.append(f"Made by other code or libraries than there are now, see Provenance: {listed(drifted)}.")
    values = values_by_fold(found)
    pictures = (_folds_picture(found, values),) if values else ()
    return Section("Result", tuple(text), (grid,), pictures)


def values_by_fold(found: StageResults) -> dict[str, Array]:
    """(n_folds,) metric of every head and of the blend, cross-fitted; NaN where a fold lacks a class."""
    if found.table is None or found.folds is None:
        return {}
    table, folds, metric = found.table, found.folds, found.competition.metric_of
    return {name: fold_values(metric, table.y, oof, folds, table.weights) for name, oof in found.oofs.items()}


def _folds_picture(found: StageResults, values: dict[str, Array]) -> Picture:
    def plot(axes: Axes) -> None:
        for i, points in enumerate(values.values()):
            axes.plot(points, np.full(len(points), i), "o", color=BLUE, alpha=0.7, markersize=5)
            axes.plot([np.nanmean(points)], [i], "|", color=ORANGE, markersize=16, markeredgewidth=2.5)
        named_rows(axes, list(values))
        axes.set_xlabel(f"{found.metric} of one fold ({found.better})")

    best = max(values, key=lambda name: found.competition.metric_of.value_of(float(np.nanmean(values[name]))))
    alt = f"A dot is a fold, an orange stroke the mean over folds. Best on average: {shortened(best)}."
    return picture("Scores by fold", alt, plot, height=1.2 + 0.3 * len(values))
