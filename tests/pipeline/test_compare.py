import shutil
from dataclasses import replace

import numpy as np
import pytest

from pipeline_case import make
from swapdae.base.errors import UserError
from swapdae.competition.config import FoldsConfig
from swapdae.pipeline.compare import compare, comparison_table
from swapdae.pipeline.run import Run


def finished(run: Run, name: str, **changes: object) -> Run:
    raw = {head: config for head, config in run.experiment.heads.items() if config.features == ("raw",)}
    experiment = run.experiment.model_copy(update={"name": name, "heads": raw, **changes})
    made = replace(run, experiment=experiment)
    make(made, "blend")
    return made


def test_experiments_are_compared_on_the_rows_that_all_have(run: Run) -> None:
    whole, part = finished(run, "whole"), finished(run, "part", rows=150)
    found = compare([whole, part])
    assert found["n_rows"] == 150 and list(found["experiments"]) == ["whole", "part"]
    one, other = found["experiments"].values()
    assert one["difference"] == (0, 0, 0)
    assert other["blend"] == pytest.approx(part.report("blend").metrics["cross_fitted"])
    assert one["blend"] != pytest.approx(whole.report("blend").metrics["cross_fitted"])
    rows = np.isin(whole.data.table.train_ids, part.data.table.train_ids)
    oof = whole.array("blend", "oof_cross_fitted.npy")[rows]
    assert one["blend"] == pytest.approx(np.sqrt(np.mean((oof - whole.data.table.y[rows]) ** 2)))
    assert other["difference"][0] == pytest.approx(np.mean(np.subtract(other["folds"], one["folds"])))
    assert one["paired"] and other["paired"] and "npaired" not in comparison_table(found)
    lines = comparison_table(found).splitlines()
    assert len({len(line) for line in lines}) == 1 and "lightgbm, own rows" in comparison_table(found)


def test_what_cannot_be_compared_is_refused(run: Run) -> None:
    with pytest.raises(UserError, match="two experiments or more"):
        compare([run, run])
    other = replace(run, competition=run.competition.model_copy(update={"name": "elsewhere"}))
    other = replace(other, experiment=run.experiment.model_copy(update={"name": "other"}))
    with pytest.raises(UserError, match="different tables cannot be compared: elsewhere, synthetic"):
        compare([run, other])
    other = replace(run, experiment=run.experiment.model_copy(update={"name": "other"}))
    mine = run.competition.model_copy(update={"metric_sha256": "0" * 64})
    with pytest.raises(UserError, match="another metric cannot be compared: rmse, rmse 0000"):  # two of one's own
        compare([run, replace(other, competition=mine)])
    another = run.competition.model_copy(update={"target": "x0"})
    with pytest.raises(UserError, match="another target cannot be compared: target, x0"):
        compare([run, replace(other, competition=another)])
    several = run.competition.model_copy(update={"target": "", "targets": ("target", "x0")})
    with pytest.raises(UserError, match="'other' has several targets; compare one of them, as other/target"):
        compare([run, replace(other, competition=several)])
    with pytest.raises(UserError, match="stage blend has not run"):
        compare([run, other])


def test_other_folds_of_one_table_are_compared_unpaired(run: Run) -> None:
    """Those that an experiment was made with count, not those that competition.toml names by now."""
    whole = finished(run, "whole")
    competition = run.competition.model_copy(update={"folds": FoldsConfig(count=4, seed=5)})
    other = finished(replace(run, competition=competition), "other")
    now = replace(whole, competition=competition)
    found = compare([now, other])
    one, two = found["experiments"].values()
    assert len(one["folds"]) == 3 and len(two["folds"]) == 4 and (one["paired"], two["paired"]) == (True, False)
    assert two["difference"][0] == pytest.approx(np.mean(two["folds"]) - np.mean(one["folds"]))
    assert comparison_table(found).endswith("\n\nUnpaired, for their folds are not those of whole: other.")


def test_competitions_of_one_table_are_compared_on_rows_that_both_predict(run: Run) -> None:
    whole = finished(run, "whole")
    shutil.copytree(run.input, run.paths.input("in_time"))
    folds = FoldsConfig(kind="time", by=("id",), count=3)
    competition = run.competition.model_copy(update={"name": "in_time", "folds": folds})
    timed = finished(replace(run, competition=competition), "timed")
    found = compare([whole, timed])
    assert found["n_rows"] == 225 and not found["experiments"]["timed"]["paired"]
    assert found["experiments"]["timed"]["blend"] == pytest.approx(timed.report("blend").metrics["cross_fitted"])
