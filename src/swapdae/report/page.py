"""What a page is made of, and its HTML: one self-contained file, light and dark, for desks and phones."""

from dataclasses import dataclass, replace
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from swapdae.base.text import printable, shortened

NONE = "-"  # what a cell shows where there is no figure
LONG = 14  # rows; a longer table scrolls by itself
WIDE = 560  # pixels; a wider table takes the page's whole width


@dataclass(frozen=True)
class Picture:
    """title: what is shown; alt: what is seen, in words. svg: safe markup."""

    title: str
    alt: str
    svg: str


@dataclass(frozen=True)
class Grid:
    """A table. The first column names the row; columns that mostly hold numbers stand on the right."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""

    @property
    def filled(self) -> "Grid":
        """The table without the columns that have nothing to say."""
        kept = [j for j in range(len(self.head)) if j == 0 or any(row[j] not in ("", NONE) for row in self.rows)]
        rows = tuple(tuple(row[j] for j in kept) for row in self.rows)
        return replace(self, head=tuple(self.head[j] for j in kept), rows=rows)

    @property
    def sides(self) -> tuple[str, ...]:
        """Each column's class."""
        columns = zip(*self.rows, strict=True) if self.rows else [()] * len(self.head)
        counts = [sum(map(_is_number, column)) for column in columns]
        return ("", *("number" if 2 * n > len(self.rows) else "" for n in counts[1:]))

    @property
    def is_long(self) -> bool:
        """Whether it scrolls by itself."""
        return len(self.rows) > LONG

    @property
    def is_wide(self) -> bool:
        """Whether half a page is too narrow for it, by a guess at the width of letters. Names and long texts wrap."""
        most = [14] + [24] * (len(self.head) - 1)
        widths = [max(map(len, head.split()), default=0) for head in self.head]
        for row in self.rows:
            widths = [max(width, min(len(row[j]), most[j])) for j, width in enumerate(widths)]
        return sum(20 + 7.3 * width for width in widths) > WIDE


@dataclass(frozen=True)
class Details:
    """Long plain text that opens on a click."""

    title: str
    text: str


@dataclass(frozen=True)
class Section:
    """Shown in the order text, narrow grids, pictures, wide grids, details."""

    title: str
    text: tuple[str, ...] = ()
    grids: tuple[Grid, ...] = ()
    pictures: tuple[Picture, ...] = ()
    details: tuple[Details, ...] = ()

    @property
    def anchor(self) -> str:
        return self.title.lower().replace(" ", "-")


@dataclass(frozen=True)
class Headline:
    """What the first screen says: what the page is about, the result in one sentence, what the autoencoder adds, and
    what to do next.

    command: that does it, as one types it.
    """

    about: str
    result: str
    verdict: str
    next_step: str
    command: str


def page(title: str, headline: Headline, sections: list[Section]) -> str:
    """The page's HTML. Everything but the pictures' SVG is escaped, and kept on its line but for `Details`."""
    environment = Environment(
        loader=PackageLoader("swapdae.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_on_one_line,
    )
    environment.filters["markup"] = Markup
    environment.filters["shortened"] = shortened
    shown = [replace(section, grids=tuple(grid.filled for grid in section.grids)) for section in sections]
    return environment.get_template("page.html").render(title=title, headline=headline, sections=shown)


def _on_one_line(value: Any) -> Any:
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def left_out(title: str, stage: str, experiment: str) -> Section:
    """The section of a stage that has not run."""
    return Section(title, (f"Left out: {stage} has not run. This runs it: swapdae {stage} {experiment}",))


def text_of(value: float | None, digits: int = 4) -> str:
    """A figure as a cell shows it; "-" where there is none."""
    return NONE if value is None else f"{value:,.{digits}f}"


def percent(value: float | None, digits: int = 1) -> str:
    """A share as a cell shows it; "-" where there is none."""
    return NONE if value is None else f"{value:.{digits}%}"


def listed(names: list[str], most: int = 6) -> str:
    """Names as a text lists them; of many, the first `most` and how many more there are."""
    shown = ", ".join(shortened(name) for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def _is_number(text: str) -> bool:
    return text == NONE or (text[:1] in "-+0123456789" and any(c.isdigit() for c in text))
