"""Pictures as inline SVG that take the page's font, ink and blue: as legible in the dark as in the light."""

import hashlib
import io
import re
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from swapdae.base.text import shortened
from swapdae.report.page import Picture

Array = NDArray[Any]

# Okabe and Ito, "Color universal design" (2008), less black, which is the ink, and yellow, which paper swallows.
BLUE, ORANGE, GREEN, RED, PURPLE, SKY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9"
COLOURS = (BLUE, ORANGE, GREEN, RED, PURPLE, SKY)
INK = "#010203"  # stands for the page's text colour until the SVG is written
MAP = "cividis"  # even in lightness, the same to colour-blind eyes
TICK = 15  # letters of a name beside an axis
WIDTH = 4.1  # inches: 394 pixels, so that 10 pt are legible on a phone too
NO_METADATA = {"Date": None, "Creator": None, "Format": None, "Type": None}
MOST_BARS = 24  # in one picture
STYLE = {
    "svg.fonttype": "none",
    "text.parse_math": False,  # a column may be called "$x$"
    "font.family": "sans-serif",
    "font.size": 10,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": INK,
    "grid.alpha": 0.12,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "figure.facecolor": "none",
    "lines.linewidth": 1.8,
}


def picture(title: str, alt: str, plot: Callable[[Axes], None], *, height: float = 3.0) -> Picture:
    """What `plot` draws on one pair of axes, `height` inches high."""
    settings: Any = {**STYLE, "svg.hashsalt": title}
    with mpl.rc_context(settings), warnings.catch_warnings():
        # The browser has letters that matplotlib's font lacks; only the space left for them is then a guess.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure = Figure(figsize=(WIDTH, height), layout="constrained", dpi=144)
        plot(figure.subplots())
        out = io.StringIO()
        figure.savefig(out, format="svg", transparent=True, metadata=NO_METADATA)
    return Picture(title, alt, _inline(out.getvalue()))


def _inline(svg: str) -> str:
    """The <svg> element alone, with ids of its own on a page, and the page's colours. Texts stay as they are."""
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    own = "p" + hashlib.sha256(svg.encode()).hexdigest()[:8]
    used = set(re.findall(r'(?:url\(|href=")#([^")]+)', svg))

    def rename(match: re.Match[str]) -> str:
        return f' id="{own}{match[1]}"' if match[1] in used else ""

    def adapt(tag: re.Match[str]) -> str:
        text = tag[0].replace(INK, "currentColor").replace(BLUE.lower(), "var(--blue)")
        text = re.sub(r' id="([^"]+)"', rename, text)
        return re.sub(r'(url\(|href=")#', rf"\1#{own}", text)

    return re.sub(r"<[^>]*>", adapt, svg).replace("<svg ", '<svg aria-hidden="true" focusable="false" ', 1)


# >>> Plots that several sections draw


def bars(
    names: Sequence[str], values: Sequence[float], label: str, *, marks: Sequence[float] | None = None, mark: str = ""
) -> Callable[[Axes], None]:
    """Horizontal bars from top to bottom; `marks`: a second figure for each, as a vertical stroke called `mark`."""

    def plot(axes: Axes) -> None:
        at = np.arange(len(names))
        axes.barh(at, values, color=BLUE, height=0.7)
        if marks is not None:
            axes.plot(marks, at, "|", color=RED, markersize=11, markeredgewidth=2.2, label=mark)
            legend(axes)
        named_rows(axes, names)
        axes.set_xlabel(label)

    return plot


def named_rows(axes: Axes, names: Sequence[str]) -> None:
    """Names at 0, 1, ... of y, from top to bottom."""
    axes.set_yticks(range(len(names)), [shortened(name, TICK) for name in names])
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")


def bars_height(n: int) -> float:
    """Inches that n bars need."""
    return 1.1 + 0.2 * n


def matrix(
    values: Array,
    label: str,
    names: Sequence[str] | None = None,
    *,
    x: str = "",
    y: str = "",
    text: bool = False,
    low: float | None = None,
    high: float | None = None,
) -> Callable[[Axes], None]:
    """A heat map with its scale; `names` on both axes, and figures in the cells if `text`."""

    def plot(axes: Axes) -> None:
        image = axes.imshow(values, cmap=MAP, aspect="auto", interpolation="nearest", vmin=low, vmax=high)
        axes.grid(visible=False)
        bar = axes.figure.colorbar(image, ax=axes, label=label)
        bar.outline.set_visible(False)
        axes.set(xlabel=x, ylabel=y)
        if names is not None:
            short = [shortened(name, TICK) for name in names]
            axes.set_xticks(range(len(short)), short, rotation=40, ha="right")
            axes.set_yticks(range(len(short)), short)
        else:
            axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
            axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        if text:
            middle = (values.min() + values.max() if low is None or high is None else low + high) / 2
            for (i, j), value in np.ndenumerate(values):
                axes.text(
                    j,
                    i,
                    f"{value:.2f}",
                    ha="center",
                    va="center",
                    fontsize=8,
                    color="white" if value < middle else "black",
                )

    return plot


def whole_numbers(axes: Axes) -> None:
    """Ticks of x at whole numbers only."""
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def legend(axes: Axes, columns: int = 2) -> None:
    """Above the plot, where it covers nothing."""
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=columns, borderaxespad=0.2, handlelength=1.4)
