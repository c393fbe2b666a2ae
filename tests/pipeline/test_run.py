from dataclasses import replace

import pytest

from swapdae.base.errors import UserError
from swapdae.pipeline.run import Run


def test_a_row_keeps_its_fold_when_rows_are_capped(run: Run) -> None:
    capped = replace(run, experiment=run.experiment.model_copy(update={"rows": 120}))
    fold_of = dict(zip(run.data.table.train_ids, run.data.folds.labels, strict=True))
    assert [fold_of[i] for i in capped.data.table.train_ids] == capped.data.folds.labels.tolist()
    assert len(capped.data.frame) == 120 + 120


def test_report_of_a_stage_that_has_not_run(run: Run) -> None:
    with pytest.raises(UserError, match=r"stage blend has not run; run `swapdae run tiny`"):
        run.report("blend")
