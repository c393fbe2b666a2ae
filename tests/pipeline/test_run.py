from dataclasses import replace

import numpy as np
import pytest

from swapdae.base.errors import UserError
from swapdae.modelling.features import FileFeatures, JoinedFeatures, RawFeatures
from swapdae.pipeline.run import Run


def test_a_row_keeps_its_fold_when_rows_are_capped(run: Run) -> None:
    capped = replace(run, experiment=run.experiment.model_copy(update={"rows": 120}))
    fold_of = dict(zip(run.table.train_ids, run.folds, strict=True))
    assert [fold_of[i] for i in capped.table.train_ids] == capped.folds.tolist()
    assert len(capped.frame) == 120 + 120


def test_feature_sets_by_name(run: Run) -> None:
    assert isinstance(run.features("raw"), RawFeatures)
    assert isinstance(run.features("dae"), FileFeatures)
    assert isinstance(run.features("raw+dae"), JoinedFeatures)


def test_only_an_autoencoders_own_features_name_one(run: Run) -> None:
    assert run.problem("raw").pretrained is None and run.problem("raw+dae").pretrained is None
    pretrained = run.problem("dae").pretrained
    assert pretrained is not None
    with pytest.raises(UserError, match="stage dae has not run"):
        pretrained(0)


def test_label_free_rows_are_all_or_without_the_held_out(run: Run) -> None:
    assert [len(rows) for rows in run.label_free_rows()] == [420]
    dae = run.experiment.dae.model_copy(update={"scope": "per_fold", "test_rows": False})
    per_fold = replace(run, experiment=run.experiment.model_copy(update={"dae": dae}))
    for fold, rows in enumerate(per_fold.label_free_rows()):
        assert np.array_equal(rows, np.flatnonzero(per_fold.folds != fold))


def test_report_of_a_stage_that_has_not_run(run: Run) -> None:
    with pytest.raises(UserError, match=r"stage blend has not run; run `swapdae run tiny`"):
        run.report("blend")
