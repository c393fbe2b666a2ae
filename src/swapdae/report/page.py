"""What a page is made of, and its HTML: one self-contained file, light and dark, for desks and phones."""

from dataclasses import dataclass

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

LONG = 14  # rows


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


@dataclass(frozen=True)
class Fold:
    """Long plain text that opens on a click."""

    title: str
    text: str


@dataclass(frozen=True)
class Section:
    """Shown in the order grids, pictures, folds."""

    title: str
    text: tuple[str, ...] = ()
    grids: tuple[Grid, ...] = ()
    pictures: tuple[Picture, ...] = ()
    folds: tuple[Fold, ...] = ()

    @property
    def anchor(self) -> str:
        return self.title.lower().replace(" ", "-")


def page(title: str, summary: str, sections: list[Section]) -> str:
    """The page's HTML. Everything but the pictures' SVG is escaped."""
    environment = Environment(
        loader=PackageLoader("swapdae.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["markup"] = Markup
    return environment.get_template("page.html").render(title=title, summary=summary, sections=sections)


def text_of(value: float | None, digits: int = 4) -> str:
    """A figure as a cell shows it; "-" where there is none."""
    return "-" if value is None else f"{value:,.{digits}f}"


def percent(value: float | None, digits: int = 1) -> str:
    return "-" if value is None else f"{value:.{digits}%}"


def _is_number(text: str) -> bool:
    return text == "-" or (text[:1] in "-+0123456789" and any(c.isdigit() for c in text))
