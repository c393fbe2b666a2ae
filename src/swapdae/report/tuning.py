"""The section on tuning: how each head's search went, and which parameters mattered."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from swapdae.base.text import shortened
from swapdae.report.drawing import BLUE, ORANGE, SKY, bars, bars_height, legend, picture, whole_numbers
from swapdae.report.page import Picture, Section, left_out, listed
from swapdae.report.stage_results import StageResults


def section(found: StageResults) -> Section:
    """Search history and importance of hyperparameters, by head."""
    tuned = {name.removeprefix("tune/"): found.metrics(name) for name in found.states if name.startswith("tune/")}
    trials = {head: metrics["trials"] for head, metrics in tuned.items() if metrics is not None}
    if not trials and not tuned:
        return Section("Tuning", ("Left out: no head asks for trials; all have the parameters that they were given.",))
    if not trials:
        return left_out("Tuning", "tune", found.experiment.name)
    pictures, plain = [], []
    for head in trials:
        pictures.append(_history(found, head, trials[head]))
        if ranked := sorted(found.importances.get(head, {}).items(), key=lambda item: -item[1])[:12]:
            names, values = zip(*ranked, strict=True)
            alt = f"{shortened(names[0])} explains {values[0]:.0%} of the variance of the trials' scores."
            plot = bars(names, values, "importance (fANOVA)")
            title = f"What matters for {shortened(head)}"
            pictures.append(picture(title, alt, plot, height=bars_height(len(names))))
        else:
            plain.append(head)
    text = (f"Without importances, for too few complete trials or a single parameter: {listed(plain)}.",)
    return Section("Tuning", text if plain else (), pictures=tuple(pictures))


def _history(found: StageResults, head: str, trials: list[dict[str, Any]]) -> Picture:
    metric = found.competition.metric_of
    done = [trial for trial in trials if trial["score"] is not None]
    pruned = [trial for trial in trials if trial["score"] is None and trial["fold_scores"]]

    def plot(axes: Axes) -> None:
        numbers = [trial["number"] for trial in done]
        axes.plot(numbers, [metric.value_of(trial["score"]) for trial in done], "o", color=BLUE, label="finished")
        if pruned:
            values = [metric.value_of(float(np.mean(trial["fold_scores"]))) for trial in pruned]
            axes.plot([trial["number"] for trial in pruned], values, "x", color=SKY, label="stopped early")
        best = np.maximum.accumulate([trial["score"] for trial in done])
        axes.step(numbers, [metric.value_of(score) for score in best], where="post", color=ORANGE, label="best so far")
        axes.set(xlabel="trial", ylabel=f"{found.metric} ({found.better})")
        whole_numbers(axes)
        legend(axes)

    first, best = (metric.value_of(score) for score in (done[0]["score"], max(trial["score"] for trial in done)))
    alt = (
        f"{len(trials)} trials, {len(pruned)} of them stopped early and shown by the mean of their folds. "
        f"{found.metric}: {first:.5f} in the first trial, {best:.5f} in the best."
    )
    return picture(f"Search for {shortened(head)}", alt, plot, height=2.8)
