"""The page's HTML, and how a browser shows it."""

import re
from pathlib import Path

import pytest

from browser import CHROMIUM, show
from swapdae.report.page import Details, Grid, Headline, Section, listed, page

needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no chromium here: apt-get install chromium")
SAYS_NOTHING = Headline("", "", "", "", "")


def test_the_file_holds_everything_and_asks_for_nothing(html: str) -> None:
    addresses = set(re.findall(r"https?://[^\"' <>)]*", html))
    assert addresses <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    assert not re.search(r'(?:src|href)="(?!#|data:)', html)
    assert "default-src 'none'" in html and "prefers-color-scheme: dark" in html
    assert 'name="viewport" content="width=device-width' in html


def test_names_are_shown_not_run(html: str) -> None:
    assert "<script" not in html and "&lt;script&gt;document.title" in html


def test_ids_are_the_pages_own(html: str) -> None:
    ids = re.findall(r' id="([^"]+)"', html)
    assert len(ids) == len(set(ids))
    used = set(re.findall(r'(?:url\(#|href="#)([^")]+)', html))
    assert used and used <= set(ids)
    assert set(re.findall(r'aria-labelledby="([^"]+)"', html)) <= set(ids)


def test_pictures_take_the_pages_ink(html: str) -> None:
    assert "currentColor" in html and "#010203" not in html
    assert "fill: var(--blue)" in html and html.count("#0072b2") == 1  # where the page says what it is


def test_the_first_screen_says_the_result_and_what_comes_next(html: str) -> None:
    header = html[html.index("<header>") : html.index("</header>")]
    assert "The blend has rmse 0.51000" in header and "the best single head is mlp_dae with 0.50000" in header
    assert "missing or stale (heads/mlp_dae)" in header and "<code>swapdae run made_up</code>" in header


def test_columns_of_numbers_stand_on_the_right() -> None:
    grid = Grid("", ("a", "b", "c"), (("1", "1.5", "x"), ("2", "-", "y"), ("3", "often", "3")))
    assert grid.sides == ("", "number", "")
    assert Grid("", ("a", "b"), ()).sides == ("", "")


def test_columns_that_say_nothing_are_left_out() -> None:
    grid = Grid("t", ("", "empty", "some", "none"), (("-", "-", "-", ""), ("b", "-", "2", "-")))
    assert grid.filled == Grid("t", ("", "some"), (("-", "-"), ("b", "2")))
    made = page("a", SAYS_NOTHING, [Section("s", grids=(grid,))])
    assert ">some<" in made and ">empty<" not in made and ">none<" not in made


def test_a_long_table_says_that_it_scrolls() -> None:
    def made(n: int) -> str:
        return page("a", SAYS_NOTHING, [Section("s", grids=(Grid("t", ("a",), (("x",),) * n),))])

    assert "15 rows: scroll inside the table" in made(15) and "scroll long" in made(15)
    assert "rows: scroll" not in made(14) and "scroll long" not in made(14)


def test_a_wide_table_comes_last_and_takes_the_whole_width() -> None:
    narrow, wide = (Grid(title, ("a",) * n, (("1,234.5678",) * n,)) for title, n in (("narrow", 4), ("wide", 9)))
    assert wide.is_wide and not narrow.is_wide
    assert Grid("", ("a", "b"), (("1", "a long text, which wraps " * 9),)).is_wide is False
    made = page("a", SAYS_NOTHING, [Section("s", grids=(wide, narrow))])
    assert made.index(">narrow<") < made.index('class="broad"') < made.index(">wide<")


def test_details_keep_their_lines() -> None:
    made = page("a", SAYS_NOTHING, [Section("s", ("one\ntwo",), details=(Details("more", "<b>\n1"),))])
    assert "<pre>&lt;b&gt;\n1</pre>" in made and "one two" in made


def test_many_names_are_counted() -> None:
    assert listed(["a", "b"]) == "a, b"
    assert listed(list("abcdefgh"), 3) == "a, b, c and 5 more"


# >>> In a browser


@needs_chromium
@pytest.mark.slow
@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True)])
def test_page_in_a_browser(html: str, tmp_path: Path, width: int, dark: bool) -> None:
    shown = show(html, tmp_path, width=width, dark=dark)
    assert shown["width"] == width and shown["page"] <= width  # nothing to scroll sideways
    assert shown["wide"] == [] and shown["cut"] == []  # no element and no label sticks out
    assert shown["requests"] == [] and shown["problems"] == [] and shown["console"] == []
    assert shown["pictures"] > 15 and shown["smallest"] >= 8.5
    assert shown["columns"] == (2 if width == 1280 else 1)  # neither half of a wide screen is empty
    assert 0 < shown["weight"] <= width  # also on a phone, without scrolling
    assert shown["scrolling"] > 0 and shown["unhinted"] == []  # where a table scrolls one sees it
    paper, ink, label = (
        sum(map(int, re.findall(r"\d+", colour)[:3]))
        for colour in (shown["paper"], shown["colours"][0][0], shown["colours"][1][1])
    )
    assert ink == label and (paper < 150 < ink if dark else ink < 150 < paper)


@needs_chromium
@pytest.mark.slow
def test_what_is_wrong_with_a_page_is_seen(html: str, tmp_path: Path) -> None:
    wrong = (
        '<p style="width: 3000px">wide</p><img src="http://127.0.0.1:9/x.png" alt=""><script>nothing.at.all</script>'
    )
    wrong += '<figure><svg viewBox="0 0 50 20"><text x="10" y="15">sticks out of its picture</text></svg></figure>'
    wrong += '<div style="overflow-x: auto"><p style="width: 2000px; max-width: none">goes on</p></div>'
    shown = show(html.replace("<main>", "<main>" + wrong), tmp_path, width=390)
    assert [name for name in shown["unhinted"] if "goes on" in name]
    assert shown["page"] > 390 and any("wide" in name for name in shown["wide"])
    assert any("sticks out" in name for name in shown["cut"])
    assert any("127.0.0.1" in problem for problem in shown["problems"])
    assert any("nothing" in problem for problem in shown["problems"]) and shown["console"]
