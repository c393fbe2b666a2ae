"""The section on activations: which units fire, for whom, how stably, and who needs them."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from swapdae.report.drawing import BLUE, COLOURS, ORANGE, legend, matrix, picture
from swapdae.report.outcome import NOT_RUN
from swapdae.report.page import Grid, Picture, Section
from swapdae.report.results import Results

Array = NDArray[Any]
PUBLISHED = {  # of a plain autoencoder with 4,608 units
    "share_active": "7%",
    "never_fires": "3%",
    "iou_between": "2/3",
    "iou_of_halves": "0.95 (?)",
    "iou_within": "0.95 (?)",
    "agreement_within": "0.95 (?)",
    "containment_within": "0.95 (?)",
    "iou_clean": "4/5",
    "iou_two": "4/5",
    "outside": "rarely",
}


def activations(found: Results) -> Section:
    """Which units fire: histogram, clusters, noise, ablation."""
    study, arrays = found.metrics("activations"), found.activations
    if study is None or not arrays:
        return Section("Activations", (NOT_RUN.format("activations"),))
    text = (
        f"{study['n_units']:,} units over {study['n_rows']:,} rows; {study['n_sampled']:,} train rows in clusters "
        f"(k-means of the features), {study['n_probes']:,} of these corrupted. A unit is active where its output is "
        "over 0. Brackets: 95% bootstrap intervals. The publication does not say which ratio of two rows its 0.95 is: "
        "all are given.",
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
        alt = f"Intersection over union of the units that can fire, of every two clusters: {ends}. Sorted by the mean."
        plot = matrix(iou[np.ix_(order, order)], "IoU", x="cluster", y="cluster", high=1.0)
        pictures.append(picture("Units that clusters share", alt, plot, height=3.6))
    return Section("Activations", text, tuple(grids), (*pictures, _noise(study["noise"])))


def _interval(value: list[float]) -> str:
    mean, low, high = value
    return f"{mean:.3f} [{low:.3f}, {high:.3f}]"


def _figures_grid(study: dict[str, Any]) -> Grid:
    clusters, trained = study["clusters"], study["noise"][-1]
    names = {
        "share_active": ("active units of a row, share", _interval(study["share_active"])),
        "never_fires": ("units that never fire, share", f"{study['never_fires']:.3f}"),
        "can_fire": ("units that can fire in a cluster, share", _interval(clusters["can_fire"])),
        "exclusive": ("units nearly exclusive to a cluster, share", f"{study['exclusive']:.3f}"),
        "iou_between": ("two clusters: IoU of units that can fire", _interval(clusters["iou_between"])),
        "iou_of_halves": ("two halves of a cluster: IoU of units that can fire", _interval(clusters["iou_of_halves"])),
        "iou_within": ("two rows of a cluster: IoU of active units", _interval(clusters["iou_within"])),
        "agreement_within": (
            "two rows of a cluster: share of units on or off in both",
            _interval(clusters["agreement_within"]),
        ),
        "containment_within": (
            "two rows of a cluster: share of one's active units in the other's",
            _interval(clusters["containment_within"]),
        ),
        "iou_clean": ("clean and corrupted row: IoU", _interval(trained["iou_clean"])),
        "iou_two": ("two corruptions of a row: IoU", _interval(trained["iou_two"])),
        "outside": ("corrupted row's active units not known of its cluster, share", _interval(trained["outside"])),
    }
    rows = tuple((name, here, PUBLISHED.get(key, "-")) for key, (name, here) in names.items())
    return Grid("Beside what was published; corruption as in training", ("", "here", "published"), rows)


def _ablation_grid(found: dict[str, Any]) -> Grid:
    rows = [
        (name, *(_change(found[key + end]) for end in ("", "_control")))
        for name, key in (
            ("rows of the cluster", "inside"),
            ("all other rows", "outside"),
            (f"all clusters' units at once ({found['n_dropped_together']:,})", "together"),
        )
    ]
    title = (
        f"Ridge refitted without a cluster's {found['n_dropped']} most specialised units, or as many random ones that "
        f"fire there: change of the squared error, relative to {found['error']:.5f} with all. Ridge on raw columns: "
        f"{found['raw']:+.2%}"
    )
    return Grid(title, ("error of", "specialised", "random"), tuple(rows))


def _change(value: list[float]) -> str:
    mean, low, high = value
    return f"{mean:+.3%} [{low:+.3%}, {high:+.3%}]"


def _histogram(share: Array) -> Picture:
    def plot(axes: Axes) -> None:
        axes.hist(100 * share, bins=60, color=BLUE)
        axes.axvline(100 * float(share.mean()), color=ORANGE, label="mean")
        axes.set(xlabel="active units (% of all)", ylabel="rows")
        legend(axes)

    low, high = np.quantile(share, [0.05, 0.95])
    alt = f"A row activates {share.mean():.1%} of the units on average; 90% of rows between {low:.1%} and {high:.1%}."
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
        "outside": "units not known of the cluster",
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
        f"At rate {last['rate']:g} the IoU of a clean and a corrupted row is {last['iou_clean'][0]:.2f}, and "
        f"{last['outside'][0]:.1%} of its active units are not known of its cluster; at rate {points[0]['rate']:g}, "
        f"{points[0]['outside'][0]:.1%}."
    )
    return picture("Stability under noise", alt, plot, height=3.6)
