"""Every section on every task, and what is left out when a stage has not run."""

from dataclasses import replace

import numpy as np
import pytest

from report_case import EVIL, HEADS, results
from swapdae.competition.config import Task
from swapdae.experiment.config import Experiment
from swapdae.report import blend, predictions, result, worth
from swapdae.report.page import Section, page
from swapdae.report.sections import SECTIONS
from swapdae.report.stage_results import StageResults


def test_every_section_shows_what_there_is(sections: dict[str, Section]) -> None:
    titles = ["Result", "Worth", "Data", "Autoencoder", "Activations", "Selection", "Tuning"]
    assert list(sections) == [*titles, "Blend", "Predictions", "Provenance"]
    for section in sections.values():
        assert not any(line.startswith("Left out") for line in section.text)
        assert section.pictures or section.title == "Provenance"
        for picture in section.pictures:
            assert picture.title and len(picture.alt) > 20 and "nan" not in picture.alt
            assert picture.svg.startswith("<svg") and picture.svg.rstrip().endswith("</svg>")
    rows = sections["Result"].grids[0].rows
    assert [row[0] for row in rows] == [*HEADS, "blend, cross-fitted"]
    assert "heads/mlp_dae" in sections["Result"].text[1]  # stale


def test_selection_shows_columns_and_costs(sections: dict[str, Section]) -> None:
    found = sections["Selection"]
    assert "2 of 5 source columns" in found.text[0] and found.text[1] == "To drop: c0, x0, x1."
    rows = found.grids[0].rows
    assert len(rows) == 18 and rows[0] == ("all", "5", "lightgbm", "0.52000", "", "")
    assert {row[4] for row in rows if row[1] == "2" and row[2] == "network"} == {"+0.05000"}
    assert "with all 5 columns: 0.5200; with the 1 selected: 0.6000" in found.pictures[0].alt
    assert f"Taken most often is {EVIL}, by 100%" in found.pictures[1].alt


def test_worth_shows_each_change_with_its_interval(sections: dict[str, Section]) -> None:
    found = sections["Worth"]
    assert found.text[0] == "The autoencoder helps the blend."
    assert [row[1:] for row in found.grids[0].rows] == [
        ("0.70000", "0.60000", "-0.02000", "-0.03000 to -0.01000", "helps"),
        ("0.60000", "0.62000", "+0.02000", "-0.01000 to +0.05000", "not told from noise"),
        ("0.70000", "0.62000", "-", "-", "too few folds"),
        ("0.53000", "0.51000", "-0.02000", "-0.03000 to -0.01000", "helps"),
    ]
    assert found.pictures[0].alt.endswith("ridge: network, ridge: training, blend."), "what is unknown is not drawn"


def test_worth_of_an_autoencoder_that_no_head_reads_is_left_out(regression: StageResults) -> None:
    raw = Experiment.model_validate({"name": "made_up", "competition": "c", "heads": {"a": {"kind": "ridge"}}})
    none = replace(regression, experiment=raw)
    assert worth.section(none).text == ("Left out: no head reads autoencoder features.",)
    assert result.headline(none).verdict == "No head reads the autoencoder's features."


def test_a_column_restored_badly_is_named_with_its_true_figure(sections: dict[str, Section]) -> None:
    (numbers,) = (shown for shown in sections["Autoencoder"].pictures if shown.title == "Numbers restored")
    assert "Worst shown: x1 (-3.00). Bars end at -0.5." in numbers.alt


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_classes_have_pictures_of_their_own(task: Task) -> None:
    found = results(task)
    shown = {picture.title for module in (result, blend, predictions) for picture in module.section(found).pictures}
    own = {"binary": "Calibration", "multiclass": "Confusion"}[task]
    common = {"Scores by fold", "Weights", "Correlation of predictions", "Leave one out", "Out of fold and test"}
    assert shown == {own, *common}


@pytest.mark.parametrize("task", ["regression", "binary"])
def test_heads_that_learnt_nothing_are_shown_too(task: Task) -> None:
    found = results(task)
    found = replace(found, oofs={name: np.full(300, 0.5) for name in found.oofs})
    for module in (result, blend, predictions):
        assert all("nan" not in picture.alt for picture in module.section(found).pictures)


def test_what_has_not_run_is_left_out_with_the_command_that_runs_it(regression: StageResults) -> None:
    none: dict[str, None] = dict.fromkeys(("oof", "oof_cross_fitted", "public", "private", "weights", "seconds"))
    scores = {"heads": {"mlp_dae": {**none, "features": "dae"}}, "blend": none}
    bare = StageResults(regression.experiment, regression.competition, {}, scores)
    sections = {section.title: section for section in (make(bare) for make in SECTIONS)}
    stages = {"Data": "download", "Autoencoder": "dae", "Activations": "activations", "Blend": "blend"}
    for title, stage in {**stages, "Worth": "worth", "Predictions": "heads"}.items():
        assert sections[title].text == (f"Left out: {stage} has not run. This runs it: swapdae {stage} made_up",)
    assert not any(section.pictures for section in sections.values())
    assert sections["Selection"].text[0].startswith("Not measured yet")
    assert sections["Tuning"].text[0].startswith("Left out: no head asks for trials")
    assert "Left out" in page("made_up", result.headline(bare), list(sections.values()))


def test_a_head_whose_tuning_has_not_run_is_left_out_with_the_command(regression: StageResults) -> None:
    states = {"tune/mlp_dae": replace(regression.states["submit"])}
    (tuning,) = (make(replace(regression, states=states)) for make in SECTIONS if "tuning" in make.__module__)
    assert tuning.text == ("Left out: tune has not run. This runs it: swapdae tune made_up",)
