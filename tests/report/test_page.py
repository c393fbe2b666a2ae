"""Every section on every task, what is left out when a stage has not run, and the page as a browser shows it."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from browser import CHROMIUM, show
from report_case import EVIL, HEADS, results, table_of
from swapdae.competition.config import Task
from swapdae.competition.metrics import METRICS
from swapdae.pipeline.stages.report import SECTIONS
from swapdae.report.columns import chance_drift, drifts
from swapdae.report.outcome import blend, fold_values, leave_one_out, predictions, result
from swapdae.report.page import Grid, Section, page
from swapdae.report.results import Results

needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no chromium here: apt-get install chromium")


def sections_of(found: Results) -> list[Section]:
    return [section(found) for section in SECTIONS]


def html_of(found: Results) -> str:
    return page(found.experiment.name, "a summary", sections_of(found))


@pytest.fixture(scope="module")
def sections() -> dict[str, Section]:
    """Of a regression, by title."""
    return {section.title: section for section in sections_of(results())}


@pytest.fixture(scope="module")
def regression(sections: dict[str, Section]) -> str:
    return page("made_up", "a summary", list(sections.values()))


def test_every_section_shows_what_there_is(sections: dict[str, Section]) -> None:
    titles = ["Result", "Data", "Autoencoder", "Activations", "Selection", "Tuning"]
    assert list(sections) == [*titles, "Blend", "Predictions", "Provenance"]
    for section in sections.values():
        assert not any(line.startswith("Left out") for line in section.text)
        assert section.pictures or section.title == "Provenance"
        for picture in section.pictures:
            assert picture.title and len(picture.alt) > 20 and "nan" not in picture.alt
            assert picture.svg.startswith("<svg") and picture.svg.rstrip().endswith("</svg>")
    rows = sections["Result"].grids[0].rows
    assert [row[0] for row in rows] == [*HEADS, "blend, cross-fitted"]
    assert "heads/ridge_dae" in sections["Result"].text[1]  # stale


def test_selection_tells_features_columns_and_costs(sections: dict[str, Section]) -> None:
    found = sections["Selection"]
    assert found.text[0].startswith("3 of 40 autoencoder features") and "two folds share 50%" in found.text[0]
    assert "2 of 5 source columns" in found.text[1] and found.text[2] == "To drop: c0, x0, x1."
    rows = found.grids[0].rows
    assert len(rows) == 18 and rows[0] == ("all", "5", "lightgbm", "0.52000", "", "")
    assert {row[4] for row in rows if row[1] == "2" and row[2] == "network"} == {"+0.05000"}
    assert "With all 5 columns 0.5200; with the 1 selected 0.6000" in found.pictures[0].alt
    assert f"most often taken is {EVIL}, by 100%" in found.pictures[1].alt


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_classes_have_pictures_of_their_own(task: Task) -> None:
    found = results(task)
    shown = {picture.title for section in (result, blend, predictions) for picture in section(found).pictures}
    own = {"binary": "Calibration", "multiclass": "Confusion"}[task]
    common = {"Scores by fold", "Weights", "Correlation of predictions", "Leave one out", "Out of fold and test"}
    assert shown == {own, *common}


@pytest.mark.parametrize("task", ["regression", "binary"])
def test_heads_that_learnt_nothing_are_shown_too(task: Task) -> None:
    found = results(task)
    found = replace(found, oofs={name: np.full(300, 0.5) for name in found.oofs})
    for section in (result, blend, predictions):
        assert all("nan" not in picture.alt for picture in section(found).pictures)


def test_what_has_not_run_is_left_out_with_a_line() -> None:
    full = results()
    bare = replace(full, states={}, table=None, folds=None, oofs={}, tests={}, logs=[], activations={}, importances={})
    sections = {section.title: section for section in sections_of(bare)}
    for title, stage in {
        "Data": "download",
        "Autoencoder": "dae",
        "Activations": "activations",
        "Blend": "blend",
    }.items():
        assert sections[title].text == (f"Left out: {stage} has not run.",)
    assert not any(section.pictures for section in sections.values())
    assert sections["Selection"].text[0].startswith("Not known")
    assert "Left out" in sections["Tuning"].text[0] and "Left out" in sections["Predictions"].text[0]
    assert "Left out" in html_of(bare)


def test_the_file_holds_everything_and_asks_for_nothing(regression: str) -> None:
    addresses = set(re.findall(r"https?://[^\"' <>)]*", regression))
    assert addresses <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    assert not re.search(r'(?:src|href)="(?!#|data:)', regression)
    assert "default-src 'none'" in regression and "prefers-color-scheme: dark" in regression
    assert 'name="viewport" content="width=device-width' in regression


def test_names_are_shown_not_run(regression: str) -> None:
    assert EVIL not in regression and "<script" not in regression
    assert "&lt;script&gt;document.title" in regression


def test_ids_are_the_pages_own(regression: str) -> None:
    ids = re.findall(r' id="([^"]+)"', regression)
    assert len(ids) == len(set(ids))
    used = set(re.findall(r'(?:url\(#|href="#)([^")]+)', regression))
    assert used and used <= set(ids)


def test_pictures_take_the_pages_ink(regression: str) -> None:
    assert "currentColor" in regression and "#010203" not in regression
    assert "fill: var(--blue)" in regression and regression.count("#0072b2") == 1  # where the page says what it is


def test_columns_of_numbers_stand_on_the_right() -> None:
    grid = Grid("", ("a", "b", "c"), (("1", "1.5", "x"), ("2", "-", "y"), ("3", "often", "3")))
    assert grid.sides == ("", "number", "")
    assert Grid("", ("a", "b"), ()).sides == ("", "")


# >>> Figures that the sections work out


def test_drift_by_hand() -> None:
    table = table_of("regression", 4, 4)
    train, test = table.train, table.test
    train["c0"], test["c0"] = ["u", "u", "v", "v"], ["u", "w", "w", None]  # 1/2, 1/2 against 1/4, 1/2, and 1/4 missing
    train["x0"], test["x0"] = [1.0, 2.0, 3.0, 4.0], [3.5, 5.0, 6.0, np.nan]  # furthest at 3: 3/4 against 0
    found = drifts(replace(table, train=train, test=test))
    assert found["c0"] == pytest.approx((1 / 4 + 1 / 2 + 1 / 2 + 1 / 4) / 2)
    assert found["x0"] == pytest.approx(3 / 4)


def test_chance_drift_is_what_95_percent_stay_under() -> None:
    rng = np.random.default_rng(0)
    table = table_of("regression", 300, 200)
    under = 0
    for _ in range(150):
        train, test = table.train.copy(), table.test.copy()
        train["x0"], test["x0"] = rng.normal(size=300), rng.normal(size=200)
        under += drifts(replace(table, train=train[["x0"]], test=test[["x0"]], categorical=(), numerical=("x0",)))[
            "x0"
        ] < chance_drift(table)
    assert 0.9 < under / 150 < 0.99


def test_leaving_out_the_only_good_head_costs_most() -> None:
    rng = np.random.default_rng(0)
    y, folds = rng.normal(size=300), np.arange(300) % 3
    oofs = np.stack([y + 0.1 * rng.normal(size=300), y + rng.normal(size=300), rng.normal(size=300)])
    losses = leave_one_out(oofs, y, folds, METRICS["rmse"])
    assert losses[0] > 0.3 and abs(losses[1]) < 0.02 and abs(losses[2]) < 0.02


def test_fold_values_are_the_metric_of_each_folds_rows() -> None:
    found = results()
    assert found.table is not None and found.folds is not None
    values = fold_values(found)["blend"]
    rows = found.folds == 1
    assert values[1] == pytest.approx(np.sqrt(np.mean((found.oofs["blend"][rows] - found.table.y[rows]) ** 2)))


# >>> In a browser


@needs_chromium
@pytest.mark.slow
@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True)])
def test_page_in_a_browser(regression: str, tmp_path: Path, width: int, dark: bool) -> None:
    shown = show(regression, tmp_path, width=width, dark=dark)
    assert shown["width"] == width and shown["page"] <= width  # nothing to scroll sideways
    assert shown["wide"] == [] and shown["cut"] == []  # no element and no label sticks out
    assert shown["requests"] == [] and shown["problems"] == [] and shown["console"] == []
    assert shown["pictures"] > 15 and shown["smallest"] >= 8.5
    paper, ink, label = (
        sum(map(int, re.findall(r"\d+", colour)[:3]))
        for colour in (shown["paper"], shown["colours"][0][0], shown["colours"][1][1])
    )
    assert ink == label and (paper < 150 < ink if dark else ink < 150 < paper)


@needs_chromium
@pytest.mark.slow
def test_what_is_wrong_with_a_page_is_seen(regression: str, tmp_path: Path) -> None:
    wrong = (
        '<p style="width: 3000px">wide</p><img src="http://127.0.0.1:9/x.png" alt=""><script>nothing.at.all</script>'
    )
    wrong += '<figure><svg viewBox="0 0 50 20"><text x="10" y="15">sticks out of its picture</text></svg></figure>'
    shown = show(regression.replace("<main>", "<main>" + wrong), tmp_path, width=390)
    assert shown["page"] > 390 and any("wide" in name for name in shown["wide"])
    assert any("sticks out" in name for name in shown["cut"])
    assert any("127.0.0.1" in problem for problem in shown["problems"])
    assert any("nothing" in problem for problem in shown["problems"]) and shown["console"]
