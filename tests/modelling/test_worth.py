"""Changes are those of the metric over folds, and the words say what is: a help, a harm, or nothing."""

import numpy as np
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from swapdae.competition.metrics import METRICS
from swapdae.modelling.paired import paired_difference
from swapdae.modelling.worth import Change, Judge, sentence

RIDGE = {"raw": 0.3, "untrained": 0.25, "trained": 0.2}
NOTHING = Change(0.00001, -0.0004, 0.0005, "nothing")
HELPS = Change(-0.00096, -0.00164, -0.00028, "helps")


def judge(metric: str, n: int = 300) -> tuple[Judge, np.random.Generator]:
    """Three folds; classes 0 and 1, or numbers where the metric wants those."""
    rng = np.random.default_rng(0)
    y = rng.normal(size=n) if metric == "rmse" else rng.integers(2, size=n)
    return Judge(METRICS[metric], y, np.arange(n) % 3), rng


def test_a_change_is_the_paired_difference_over_folds() -> None:
    judged, rng = judge("rmse")
    before, after = (judged.y + scale * rng.normal(size=300) for scale in (1.0, 0.5))
    rmse = [[np.sqrt(np.mean((oof - judged.y)[k::3] ** 2)) for k in range(3)] for oof in (before, after)]
    found = judged.change(before, after)
    assert (found.mean, found.low, found.high) == pytest.approx(paired_difference(*map(np.array, rmse)))
    assert judged.value(after) == pytest.approx(np.sqrt(np.mean((after - judged.y) ** 2)))


@pytest.mark.parametrize(("metric", "sign"), [("rmse", -1), ("auc", 1)])
def test_better_helps_and_worse_harms_whichever_way_the_metric_is_better(metric: str, sign: int) -> None:
    judged, rng = judge(metric)
    good, bad = (judged.y + scale * rng.normal(size=300) for scale in (0.5, 5.0))
    helped, harmed = judged.change(bad, good), judged.change(good, bad)
    assert (helped.verdict, harmed.verdict) == ("helps", "harms")
    assert helped.mean is not None and harmed.mean is not None
    assert np.sign([helped.mean, harmed.mean]).tolist() == [sign, -sign]
    assert judged.change(good, good).verdict == "nothing"


def test_what_is_only_noise_adds_nothing() -> None:
    judged, rng = judge("rmse")
    one, other = (judged.y + rng.normal(size=300) for _ in range(2))
    assert judged.change(one, other).verdict == "nothing"


def test_folds_that_lack_a_class_are_left_out_and_one_is_too_few() -> None:
    judged, rng = judge("auc")
    y, oof = judged.y.copy(), rng.random(300)
    y[judged.folds == 0] = 1
    found = Judge(judged.metric, y, judged.folds).change(oof, y + oof)
    auc = [1 - roc_auc_score(y[k::3], oof[k::3]) for k in (1, 2)]
    assert found.mean == pytest.approx(np.mean(auc)) and found.low is not None
    y[judged.folds == 1] = 1
    assert Judge(judged.metric, y, judged.folds).change(oof, y + oof).verdict == "unknown"
    y[:] = 1
    found = Judge(METRICS["logloss"], y, np.zeros(300)).change(oof, oof)
    assert (found.low, found.high, found.verdict) == (None, None, "unknown")


def test_rows_that_no_fold_predicts_are_left_out() -> None:
    judged, rng = judge("rmse")
    folds, oof = np.where(np.arange(300) < 100, -1, judged.folds), judged.y + rng.normal(size=300)
    blank = np.where(folds < 0, np.nan, oof)
    part = Judge(judged.metric, judged.y, folds)
    assert part.value(blank) == pytest.approx(np.sqrt(np.mean((oof - judged.y)[100:] ** 2)))
    assert part.change(blank, np.where(folds < 0, np.nan, judged.y)).verdict == "helps"


def test_weights_and_probabilities_of_many_classes() -> None:
    rng = np.random.default_rng(0)
    y, weights = rng.integers(3, size=300), rng.uniform(0.1, 3, 300)
    oof = rng.dirichlet(np.ones(3), 300)
    judged = Judge(METRICS["logloss"], y, np.arange(300) % 3, weights)
    assert judged.value(oof) == pytest.approx(log_loss(y, oof, sample_weight=weights))
    assert judged.change(oof, (oof + np.eye(3)[y]) / 2).verdict == "helps"


def test_labels_are_decided_by_the_other_folds() -> None:
    judged, rng = judge("f1")
    good = 0.2 * judged.y + 0.1 * rng.random(300)  # the classes part at about .15, not at .5
    assert judged.value(good) > 0.99
    assert judged.change(rng.random(300), good).verdict == "helps"


@pytest.mark.parametrize(
    ("metric", "blend", "training", "said"),
    [
        ("rmse", HELPS, NOTHING, "The autoencoder helps the blend: -0.00096 rmse (-0.00164 to -0.00028). Ridge has"),
        ("rmse", NOTHING, HELPS, "The autoencoder adds nothing to the blend that can be told from noise: +0.00001"),
        ("auc", Change(-0.1, -0.2, -0.05, "harms"), HELPS, "The autoencoder harms the blend: -0.10000 auc"),
        ("auc", None, NOTHING, "Every head reads the autoencoder: what it adds to the blend cannot be told"),
        ("auc", Change(0.1, None, None, "unknown"), HELPS, "Whether the autoencoder helps the blend cannot be told"),
    ],
)
def test_the_sentence_says_the_blend_first(metric: str, blend: Change | None, training: Change, said: str) -> None:
    found = sentence(METRICS[metric], blend, RIDGE, training)
    assert found.startswith(said)
    figures = "Ridge has 0.30000 on raw columns, 0.25000 on the untrained network's features, 0.20000 on the trained"
    assert figures in found and "\n" not in found
    adds = "helps ridge" if training is HELPS else "adds nothing to ridge that can be told from noise"
    assert f"Training the network {adds}" in found
    assert ("higher is better" in found) == (metric == "auc")
