"""The sections on how it came about: tuning, and the record of every stage."""

import json
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from swapdae.report.drawing import BLUE, ORANGE, SKY, bars, bars_height, legend, picture, whole_numbers
from swapdae.report.outcome import NOT_RUN
from swapdae.report.page import Fold, Grid, Picture, Section, text_of
from swapdae.report.results import Results


def tuning(found: Results) -> Section:
    """Search history and importance of hyperparameters, by head."""
    tuned = {name.removeprefix("tune/"): found.metrics(name) for name in found.states if name.startswith("tune/")}
    tuned = {name: metrics for name, metrics in tuned.items() if metrics is not None}
    if not tuned:
        return Section("Tuning", (NOT_RUN.format("tune") + " Heads were fitted with the parameters they were given.",))
    pictures, plain = [], []
    for head, metrics in tuned.items():
        assert metrics is not None
        pictures.append(_history(found, head, metrics["trials"]))
        if ranked := sorted(found.importances.get(head, {}).items(), key=lambda item: -item[1])[:12]:
            names, values = zip(*ranked, strict=True)
            alt = f"{names[0]} explains {values[0]:.0%} of the scores' variance over the trials."
            plot = bars(names, values, "importance (fANOVA)")
            pictures.append(picture(f"What matters for {head}", alt, plot, height=bars_height(len(names))))
        else:
            plain.append(head)
    text = (f"Without importances, for too few complete trials or a single parameter: {', '.join(plain)}.",)
    return Section("Tuning", text if plain else (), pictures=tuple(pictures))


def _history(found: Results, head: str, trials: list[dict[str, Any]]) -> Picture:
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
        f"{len(trials)} trials, {len(pruned)} stopped early and shown by their folds; {found.metric} from {first:.5f} "
        f"at the start to {best:.5f}."
    )
    return picture(f"Search for {head}", alt, plot, height=2.8)


def provenance(found: Results) -> Section:
    """Stages with state, device, time, memory and key; versions; configuration."""
    rows, versions = [], {}
    for name, state in found.states.items():
        if (report := state.report) is None:
            rows.append((name, state.state, "-", "-", "-", "-"))
            continue
        versions = report.versions
        rows.append(
            (name, state.state, report.device, text_of(report.seconds, 1), text_of(report.peak_rss_gb, 2), report.key)
        )
    head = ("stage", "state", "device", "seconds", "peak memory (GB)", "key")
    grids = [Grid("Stages; memory is that of the process so far", head, tuple(rows))]
    if versions:
        grids.append(Grid("Versions", ("", "version"), tuple(versions.items())))
    reports = [state.report for state in found.states.values() if state.report is not None]
    text = (f"{sum(report.seconds for report in reports):,.0f} s in all stages together.",) if reports else ()
    config = {
        "experiment": found.experiment.model_dump(mode="json"),
        "competition": found.competition.model_dump(mode="json"),
    }
    return Section(
        "Provenance",
        text,
        tuple(grids),
        folds=(Fold("Configuration, defaults included", json.dumps(config, indent=1)),),
    )
