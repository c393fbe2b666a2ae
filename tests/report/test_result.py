"""The headline, by what has run; and scores by fold."""

from dataclasses import replace

import numpy as np
import pytest

from report_case import report_of, results
from swapdae.experiment.stage_report import State
from swapdae.report.result import headline, section, values_by_fold
from swapdae.report.stage_results import StageResults

DONE = {"download": report_of("download", {}), "blend": report_of("blend", {})}


def with_scores(found: StageResults, oofs: dict[str, float | None], blend: float | None) -> StageResults:
    heads = {name: {"oof": value} for name, value in oofs.items()}
    return replace(found, scores={"heads": heads, "blend": {"oof_cross_fitted": blend}})


def test_headline_names_the_blends_score_and_the_best_head(regression: StageResults) -> None:
    oofs = {"one": 0.3, "two": 0.2, "three": None}
    assert headline(with_scores(regression, oofs, 0.1)).result == (
        "The blend has rmse 0.10000 out of fold (lower is better); the best single head is two with 0.20000."
    )
    auc = with_scores(results("binary"), oofs, None)
    assert headline(auc).result == (
        "There is no blend yet; the best single head is one with 0.30000 (auc out of fold, higher is better)."
    )
    assert headline(with_scores(regression, {"one": None}, None)).result.startswith("There is no score yet")


@pytest.mark.parametrize(
    ("states", "said", "command"),
    [
        ({}, "everything", "swapdae run made_up"),
        ({**DONE, "blend": State("stale", "changed: dae")}, "missing or stale (blend)", "swapdae run made_up"),
        ({"score": State("missing"), "submit": State("missing")}, "(score)", "swapdae run made_up"),
        ({**DONE, "dae": report_of("dae", {}, drift="by other code (x.py)")}, "(dae)", "swapdae run made_up --strict"),
        ({**DONE, "submit": State("missing")}, "submit", "swapdae submit made_up"),
        ({**DONE, "select_features": State("stale", "changed: table")}, "All is done", "swapdae compare made_up OTHER"),
        ({**DONE, "submit": report_of("submit", {})}, "All is done", "swapdae compare made_up OTHER"),
    ],
)
def test_headline_says_what_to_do_next(
    regression: StageResults, states: dict[str, State], said: str, command: str
) -> None:
    found = headline(replace(regression, states=states))
    assert said in found.next_step and found.command == command


def test_one_of_several_targets_is_submitted_with_the_others(regression: StageResults) -> None:
    competition = regression.competition.model_copy(update={"targets": (regression.competition.target, "other")})
    experiment = regression.experiment.model_copy(update={"name": "made_up/target"})
    found = headline(replace(regression, states=DONE, competition=competition, experiment=experiment))
    assert "submit them together" in found.next_step and found.command == "swapdae submit made_up"


def test_stale_and_drifted_stages_are_named(regression: StageResults) -> None:
    text = section(regression).text
    assert text[1].startswith("Stale") and text[1].endswith(": heads/mlp_dae.")
    assert text[2].startswith("Made by other code") and text[2].endswith(": dae.")
    assert len(section(replace(regression, states=DONE)).text) == 1


def test_fold_values_are_the_metric_of_each_folds_rows(regression: StageResults) -> None:
    assert regression.table is not None and regression.folds is not None
    values = values_by_fold(regression)["blend"]
    rows = regression.folds == 1
    difference = regression.oofs["blend"][rows] - regression.table.y[rows]
    assert values[1] == pytest.approx(np.sqrt(np.mean(difference**2)))


def test_headline_says_what_the_autoencoder_adds(regression: StageResults) -> None:
    assert headline(regression).verdict == "The autoencoder helps the blend."
    assert headline(replace(regression, states={})).verdict == ""
