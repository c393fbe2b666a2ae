import numpy as np

from swapdae.competition.metrics import METRICS
from swapdae.report.blend import leave_one_out


def test_leaving_out_the_only_good_head_costs_most() -> None:
    rng = np.random.default_rng(0)
    y, folds = rng.normal(size=300), np.arange(300) % 3
    oofs = np.stack([y + 0.1 * rng.normal(size=300), y + rng.normal(size=300), rng.normal(size=300)])
    losses = leave_one_out(oofs, y, folds, METRICS["rmse"])
    assert losses[0] > 0.3 and abs(losses[1]) < 0.02 and abs(losses[2]) < 0.02


def test_leave_one_out_counts_rows_by_their_weights() -> None:
    """The second head is right in the heavy rows alone."""
    rng = np.random.default_rng(1)
    y, heavy = rng.normal(size=200), np.arange(200) % 2 == 0
    first, second = y + rng.normal(size=200), np.where(heavy, y, rng.normal(size=200) * 9)
    oofs, folds = np.stack([first, second]), np.arange(200) % 4
    plain = leave_one_out(oofs, y, folds, METRICS["rmse"])
    weighted = leave_one_out(oofs, y, folds, METRICS["rmse"], np.where(heavy, 1.0, 1e-6))
    assert weighted[1] > 0.5 > plain[1] and abs(weighted[0]) < 0.1 < plain[0]
