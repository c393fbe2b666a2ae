"""Drift by hand."""

from dataclasses import replace

import numpy as np
import pytest

from report_case import table_of
from swapdae.report.data import _row, chance_drift, drifts


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


def test_a_range_is_told_without_powers_of_ten() -> None:
    table = table_of("regression", 2, 2)
    table.train["x0"] = [0.5, 83210.4]
    assert _row(table, "x0", 0.1)[2] == "0.5 to 83210"
