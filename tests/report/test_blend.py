import numpy as np

from swapdae.competition.metrics import METRICS
from swapdae.report.blend import leave_one_out


def test_leaving_out_the_only_good_head_costs_most() -> None:
    rng = np.random.default_rng(0)
    y, folds = rng.normal(size=300), np.arange(300) % 3
    oofs = np.stack([y + 0.1 * rng.normal(size=300), y + rng.normal(size=300), rng.normal(size=300)])
    losses = leave_one_out(oofs, y, folds, METRICS["rmse"])
    assert losses[0] > 0.3 and abs(losses[1]) < 0.02 and abs(losses[2]) < 0.02
