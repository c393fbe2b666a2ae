"""The section on the data: kinds, missing and unseen values, and how far test has drifted from train."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from scipy.stats import ks_2samp

from swapdae.base.text import shortened
from swapdae.competition.table import Table
from swapdae.report.drawing import BLUE, MOST_BARS, ORANGE, bars_height, legend, named_rows, picture
from swapdae.report.page import Grid, Picture, Section, left_out, percent
from swapdae.report.stage_results import StageResults

MOST_ROWS = 100


def section(found: StageResults) -> Section:
    """Rows, columns, missing, unseen, drift."""
    table = found.table
    if table is None:
        return left_out("Data", "download", found.experiment.name)
    moved, chance = drifts(table), chance_drift(table)
    text = [
        f"{table.n_train:,} train and {table.n_test:,} test rows, {len(table.categorical)} categorical and "
        f"{len(table.numerical)} numerical columns; the target is "
        f"{shortened(found.competition.target)}.",
        "Drift is the distance between the distributions of a column in train and test, 0 to 1. Of a number it is the "
        "largest distance of the two distribution functions (Kolmogorov-Smirnov), of a category half the sum of the "
        "differences of its levels' shares (total variation).",
        f"Numbers without drift stay under {chance:.4f} in 95% of samples of this size. Categories with many levels "
        "lie higher by chance.",
    ]
    text += [f"Folds: {line}." for line in (found.metrics("folds") or {}).get("warnings", [])]
    names = sorted(table.train.columns, key=lambda name: -moved[name])
    rows = [_row(table, name, moved[name]) for name in names[:MOST_ROWS]]
    if len(names) > MOST_ROWS:
        text.append(f"The {MOST_ROWS} columns with the most drift of {len(names)} are shown.")
    head = ("column", "kind", "values", "missing in train", "missing in test", "unseen in test", "drift")
    grids = (Grid("Columns, most drift first", head, tuple(rows)),)
    return Section("Data", tuple(text), grids, (_drift_picture(names, moved, chance), *_missing_picture(table)))


def drifts(table: Table) -> dict[str, float]:
    """Distance of train and test, 0 to 1, by column; missing is a level of a category and left out of numbers."""
    found = {}
    for name in table.categorical:
        train, test = (frame[name].fillna("").value_counts(normalize=True) for frame in (table.train, table.test))
        found[name] = float(train.sub(test, fill_value=0).abs().sum() / 2)
    for name in table.numerical:
        a, b = (frame[name].dropna().to_numpy() for frame in (table.train, table.test))
        found[name] = float(ks_2samp(a, b, method="asymp").statistic) if len(a) and len(b) else 0.0
    return found


def chance_drift(table: Table) -> float:
    """The Kolmogorov-Smirnov distance that 95% of samples of these sizes stay under."""
    return float(1.358 * np.sqrt(1 / table.n_train + 1 / max(table.n_test, 1)))


def _short(value: float) -> str:
    return f"{value:.0f}" if 1e4 <= abs(value) < 1e9 else f"{value:.4g}"


def _row(table: Table, name: str, drift: float) -> tuple[str, ...]:
    train: pd.Series = table.train[name]
    if name in table.categorical:
        kind, values = "category", f"{train.nunique():,} levels"
    else:
        kind, values = "number", f"{_short(train.min())} to {_short(train.max())}" if train.notna().any() else "none"
    sizes = (table.n_train, max(table.n_test, 1))
    missing = [percent(n_missing / n) for n_missing, n in zip(table.missing[name], sizes, strict=True)]
    return name, kind, values, *missing, f"{table.unseen.get(name, 0):,}", f"{drift:.4f}"


def _drift_picture(names: list[str], moved: dict[str, float], chance: float) -> Picture:
    shown = names[:MOST_BARS]

    def plot(axes: Axes) -> None:
        axes.barh(range(len(shown)), [moved[name] for name in shown], color=BLUE, height=0.7)
        axes.axvline(chance, color=ORANGE, linewidth=1.6, label="chance, of a number (95%)")
        named_rows(axes, shown)
        axes.set_xlabel("distance of train and test")
        axes.locator_params(axis="x", nbins=5)
        legend(axes)

    over = sum(value > chance for value in moved.values())
    alt = (
        f"{shortened(names[0])} has drifted most, by {moved[names[0]]:.4f}. {over} of {len(names)} columns lie over "
        "the line of chance."
    )
    return picture("Drift between train and test", alt, plot, height=bars_height(len(shown)))


def _missing_picture(table: Table) -> list[Picture]:
    shares = {
        name: (train / table.n_train, test / max(table.n_test, 1))
        for name, (train, test) in table.missing.items()
        if train or test
    }
    shown = sorted(shares, key=lambda name: -max(shares[name]))[:MOST_BARS]
    if not shown:
        return []

    def plot(axes: Axes) -> None:
        at = np.arange(len(shown))
        for step, part, colour in ((-0.2, 0, BLUE), (0.2, 1, ORANGE)):
            values = [100 * shares[name][part] for name in shown]
            axes.barh(at + step, values, height=0.38, color=colour, label=("train", "test")[part])
        named_rows(axes, shown)
        axes.set_xlabel("missing cells (% of rows)")
        legend(axes)

    alt = (
        f"Columns with missing values: {len(shares)} of {len(table.missing)}. {shortened(shown[0])} has the most, in "
        f"{percent(max(shares[shown[0]]))} of rows."
    )
    return [picture("Missing values", alt, plot, height=bars_height(len(shown)))]
