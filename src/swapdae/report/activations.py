"""The section on activations: which units are active in which rows, how stably, and what ridge loses without them."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from swapdae.report.drawing import BLUE, COLOURS, ORANGE, legend, matrix, picture
from swapdae.report.page import Grid, Picture, Section, left_out
from swapdae.report.stage_results import StageResults

Array = NDArray[Any]


def section(found: StageResults) -> Section:
    """Active units: how many, by cluster, under noise, and what ridge loses without them."""
    study, arrays = found.metrics("activations"), found.activations
    if study is None or not arrays:
        return left_out("Activations", "activations", found.experiment.name)
    text = (
        f"{study['n_units']:,} units, {study['n_rows']:,} rows. A unit fires (is active) in a row where its output is "
        f"over 0. {study['n_sampled']:,} train rows are clustered by k-means of the features; {study['n_probes']:,} of "
        "these are corrupted. Brackets hold 95% bootstrap intervals.",
    )
    grids = [_figures_grid(study)]
    if study["ablation"]:
        grids.append(_ablation_grid(study["ablation"]))
    pictures = [_histogram(arrays["share_active"]), _cluster_map(arrays["cluster_rates"]), _one_row(arrays["one_row"])]
    iou = arrays["cluster_iou"]
    if len(iou) > 1:
        order = np.argsort(iou.mean(axis=0))
        off = iou[~np.eye(len(iou), dtype=bool)]
        ends = f"{off.min():.2f} to {off.max():.2f}"
        alt = f"Intersection over union (IoU) of the units that two clusters can fire: {ends}. Sorted by the mean."
        plot = matrix(iou[np.ix_(order, order)], "IoU", x="cluster", y="cluster", high=1.0)
        pictures.append(picture("Units that clusters share", alt, plot, height=3.6))
    return Section("Activations", text, tuple(grids), (*pictures, _noise(study["noise"])))


def _interval(value: list[float]) -> str:
    mean, low, high = value
    return f"{mean:.3f} [{low:.3f}, {high:.3f}]"


def _figures_grid(study: dict[str, Any]) -> Grid:
    clusters, trained = study["clusters"], study["noise"][-1]
    rows = (
        ("active units of a row, share", _interval(study["share_active"])),
        ("units active in no row, share", f"{study['never_fires']:.3f}"),
        ("units that can fire in a cluster, share", _interval(clusters["can_fire"])),
        ("units that are active almost only in one cluster, share", f"{study['exclusive']:.3f}"),
        ("two clusters: IoU of units that can fire", _interval(clusters["iou_between"])),
        ("two halves of a cluster: IoU of units that can fire", _interval(clusters["iou_of_halves"])),
        ("two rows of a cluster: IoU of active units", _interval(clusters["iou_within"])),
        ("two rows of a cluster: share of units on or off in both", _interval(clusters["agreement_within"])),
        (
            "two rows of a cluster: share of one's active units in the other's",
            _interval(clusters["containment_within"]),
        ),
        ("clean and corrupted row: IoU", _interval(trained["iou_clean"])),
        ("two corruptions of a row: IoU", _interval(trained["iou_two"])),
        ("corrupted row's active units that its cluster never fires, share", _interval(trained["outside"])),
    )
    note = "Rows are corrupted with the noise of training. A unit can fire in a cluster if it is active in a row of it."
    return Grid("Active units", ("", "mean"), rows, note)


def _ablation_grid(found: dict[str, Any]) -> Grid:
    rows = [
        (name, *(_change(found[key + end]) for end in ("", "_control")))
        for name, key in (
            ("rows of the cluster", "inside"),
            ("all other rows", "outside"),
            (f"all clusters' units at once ({found['n_dropped_together']:,})", "together"),
        )
    ]
    note = (
        f"Ridge is refitted without a cluster's {found['n_dropped']} most specialised units, or without as many random "
        f"ones that fire there. Shown is the change of the squared error relative to {found['error']:.5f}, the error "
        f"with all units. For comparison, ridge on raw columns: {found['raw']:+.2%}."
    )
    return Grid("Error of ridge without some units", ("error of", "specialised", "random"), tuple(rows), note)


def _change(value: list[float]) -> str:
    mean, low, high = value
    return f"{mean:+.2%} [{low:+.2%}, {high:+.2%}]"


def _histogram(share: Array) -> Picture:
    def plot(axes: Axes) -> None:
        axes.hist(100 * share, bins=60, color=BLUE)
        axes.axvline(100 * float(share.mean()), color=ORANGE, label="mean")
        axes.set(xlabel="active units (% of all)", ylabel="rows")
        legend(axes)

    low, high = np.quantile(share, [0.05, 0.95])
    alt = f"On average {share.mean():.1%} of the units are active in a row; in 90% of rows {low:.1%} to {high:.1%}."
    return picture("Active units of a row", alt, plot)


def _cluster_map(rates: Array) -> Picture:
    rates = rates.astype(np.float32)
    rates = rates[rates.any(axis=1)] if rates.any() else rates
    home = np.where(rates.any(axis=0), rates.argmax(axis=0), len(rates))  # units that never fire come last
    units = np.lexsort((-rates.max(axis=0), home))
    always, varies = float(np.mean(rates.min(axis=0) > 0.5)), float(np.mean(np.ptp(rates, axis=0) > 0.5))
    plot = matrix(
        rates[:, units],
        "share of the cluster's rows",
        x="unit, by the cluster it fires most in",
        y="cluster",
        low=0,
        high=1,
    )
    alt = (
        f"How often each unit fires in each cluster. {always:.0%} of units fire in most rows of every cluster; for "
        f"{varies:.0%} the rate differs by more than half between clusters."
    )
    return picture("Units and clusters", alt, plot, height=3.6)


def _one_row(fires: Array) -> Picture:
    share = fires.mean(axis=0)
    units = np.argsort(-share, kind="stable")
    units = units[share[units] > 0]
    plot = matrix(
        fires[:, units].astype(np.float32),
        "active (1) or not (0)",
        x="units that fire at least once",
        y="corruption",
        low=0,
        high=1,
    )
    alt = (
        f"One row under {len(fires)} draws of the training's noise: {np.mean(share > 0.95):.1%} of all units are "
        f"(nearly) always active, {np.mean((share > 0) & (share <= 0.95)):.1%} sometimes."
    )
    return picture("One row under noise", alt, plot, height=3.2)


def _noise(curves: list[dict[str, Any]]) -> Picture:
    points = [point for point in curves if point["rate"] is not None]
    names = {
        "iou_clean": "clean and corrupted: IoU",
        "iou_two": "two corruptions: IoU",
        "outside": "units that the cluster never fires",
    }

    def plot(axes: Axes) -> None:
        rates = [point["rate"] for point in points]
        for (key, name), colour, style in zip(names.items(), COLOURS, ("o-", "s--", "^:"), strict=False):
            mean, low, high = np.array([point[key] for point in points]).T
            axes.plot(rates, mean, style, color=colour, markersize=4, label=name)
            axes.fill_between(rates, low, high, color=colour, alpha=0.25, linewidth=0)
        axes.set(xlabel="noise rate of every column", ylabel="share", ylim=(-0.02, 1.02))
        legend(axes, 1)

    last = points[-1]
    alt = (
        f"At rate {last['rate']:g} the IoU of a clean and a corrupted row is {last['iou_clean'][0]:.2f}, and its "
        f"cluster never fires {last['outside'][0]:.1%} of the corrupted row's active units; at rate "
        f"{points[0]['rate']:g}, {points[0]['outside'][0]:.1%}."
    )
    return picture("Stability under noise", alt, plot, height=3.6)
