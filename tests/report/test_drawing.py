"""Names from data are drawn as they are, whatever they look like to matplotlib, XML, HTML or the page's own rules."""

import re
from dataclasses import replace
from html import unescape

import numpy as np
import pytest

from report_case import EVIL, results
from swapdae.base.text import shortened
from swapdae.report import blend, data, predictions, result, tuning
from swapdae.report.drawing import TICK, bars, picture
from swapdae.report.page import Picture, page
from swapdae.report.stage_results import StageResults

NAMES = (
    "$x$",
    "a$b",
    r"$\frac{$",
    r"\frac",
    "100%",
    EVIL,
    "\N{PARTY POPPER}\N{CJK UNIFIED IDEOGRAPH-4E2D}",
    "x" * 10_000,
    "two\nlines",
    "#010203 #0072b2",
    ' id="a" url(#b)',
    "",
)


def texts(shown: Picture) -> set[str]:
    return {unescape(text) for text in re.findall(r"<text[^>]*>([^<]*)</text>", shown.svg)}


def labels(names: tuple[str, ...] = NAMES) -> set[str]:
    return {shortened(name, TICK) for name in names if name}


def named(found: StageResults, names: tuple[str, ...]) -> StageResults:
    """The results with columns, heads, target and hyperparameters that are called so."""
    assert found.table is not None
    frames = (found.table.train, found.table.test)
    train, test = (frame[["x0"] * len(names)].set_axis(list(names), axis=1) for frame in frames)
    train.iloc[0] = np.nan
    table = replace(found.table, train=train, test=test, categorical=(), numerical=names)
    head = next(iter(found.scores["heads"].values()))
    return replace(
        found,
        competition=found.competition.model_copy(update={"target": names[0]}),
        table=table,
        scores={**found.scores, "heads": dict.fromkeys(names, head)},
        oofs=dict.fromkeys((*names, "blend"), found.oofs["blend"]),
        tests=dict.fromkeys((*names, "blend"), found.tests["blend"]),
        importances={"mlp_dae": dict.fromkeys(names, 1.0)},
    )


def test_names_of_columns_heads_and_parameters_are_drawn_as_they_are(regression: StageResults) -> None:
    found = named(regression, NAMES)
    by_title = {
        shown.title: shown
        for module in (data, result, tuning, blend, predictions)
        for shown in module.section(found).pictures
    }
    for title in ("Drift between train and test", "Missing values", "Scores by fold", "What matters for mlp_dae"):
        assert labels() <= texts(by_title[title]), title
    for title in ("Weights", "Correlation of errors", "Leave one out"):
        assert labels() <= texts(by_title[title]), title
    assert "$x$" in texts(by_title["Target against prediction"])
    assert max(len(shown.alt) for shown in by_title.values()) < 400


def test_names_of_classes_are_drawn_as_they_are() -> None:
    found = results("multiclass")
    assert found.table is not None
    classes = ("$x$", r"$\frac{$", "100%")
    found = replace(found, table=replace(found.table, classes=classes))
    assert set(classes) <= texts(predictions.section(found).pictures[0])


def test_a_page_shows_such_names_and_runs_none(regression: StageResults) -> None:
    found = named(regression, NAMES)
    headline = result.headline(replace(found, scores={"heads": {EVIL: {"oof": 1.0}}, "blend": {"oof_cross_fitted": 1}}))
    assert EVIL in headline.result
    made = page(EVIL, headline, [data.section(found), result.section(found)])
    assert "<script" not in made and "x" * 81 not in made and "two\nlines" not in made
    body = unescape(made)
    for name in NAMES:
        assert shortened(name, 80) in body


def test_pictures_of_the_same_title_have_ids_of_their_own() -> None:
    one, other = (picture("same", "", bars(["a"], [value], "")) for value in (1.0, 2.0))
    ids = [set(re.findall(r' id="([^"]+)"', shown.svg)) for shown in (one, other)]
    assert ids[0] and not ids[0] & ids[1]


@pytest.mark.parametrize("name", ["#010203", "#0072b2", ' id="a"', "url(#b)"])
def test_the_pages_colours_and_ids_replace_nothing_in_a_text(name: str) -> None:
    assert name in texts(picture("title", "", bars([name], [1.0], "")))
