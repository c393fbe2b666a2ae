"""Metrics of classes: of probabilities, of labels, of ranks. scikit-learn computes all but MAP@k."""

from functools import partial

import numpy as np
from sklearn import metrics as sk

from swapdae.competition.metric import Array, Metric, Refusal
from swapdae.competition.regression_metrics import weighted

BINARY = frozenset({"binary"})
MULTICLASS = frozenset({"multiclass"})
CLASSES = BINARY | MULTICLASS
ANY = CLASSES | {"regression"}

NOT_WHOLE = Refusal(lambda y: y != np.rint(y), "is not whole, and kappa compares grades; mend it, or take rmse")


def _probabilities(prediction: Array) -> Array:
    """Columns for both classes where only the higher label's probability is given; kept off 0 and 1."""
    p = np.clip(np.asarray(prediction, dtype=np.float64), 1e-7, 1 - 1e-7)
    if p.ndim == 1:
        return np.column_stack([1 - p, p])
    normalised: Array = p / p.sum(axis=1, keepdims=True)
    return normalised


def _auc(y: Array, prediction: Array, weights: Array | None = None) -> float:
    if prediction.ndim == 1:
        return float(sk.roc_auc_score(y, prediction, sample_weight=weights))
    p, labels = _probabilities(prediction), np.arange(prediction.shape[1])
    return float(sk.roc_auc_score(y, p, multi_class="ovr", labels=labels, sample_weight=weights))


def _gini(y: Array, prediction: Array, weights: Array | None = None) -> float:
    """Normalised: 1 for the perfect order, 0 for chance."""
    return 2 * _auc(y, prediction, weights) - 1


def _logloss(y: Array, prediction: Array, weights: Array | None = None) -> float:
    p = _probabilities(prediction)
    return float(sk.log_loss(y, p, labels=np.arange(p.shape[1]), sample_weight=weights))


def _balanced_accuracy(y: Array, labels: Array, weights: Array | None = None) -> float:
    """The mean recall of the classes that there are. (scikit-learn's own function warns of labels never true.)"""
    recall = sk.recall_score(y, labels, labels=np.unique(y), average="macro", sample_weight=weights, zero_division=0.0)
    return float(recall)


def _macro_f1(y: Array, labels: Array, weights: Array | None = None) -> float:
    return float(sk.f1_score(y, labels, average="macro", sample_weight=weights, zero_division=0.0))


def _fbeta(y: Array, labels: Array, weights: Array | None = None, *, beta: float) -> float:
    return float(sk.fbeta_score(y, labels, beta=beta, sample_weight=weights, zero_division=0.0))


def _kappa(y: Array, labels: Array, weights: Array | None = None, *, power: str) -> float:
    """Every whole number between the least and the largest is a grade, whether it occurs or not."""
    grades = np.arange(min(y.min(), labels.min()), max(y.max(), labels.max()) + 1)
    if len(grades) == 1:
        return 1.0  # all agree, and scikit-learn divides nothing by nothing
    return float(sk.cohen_kappa_score(y, labels, labels=grades, weights=power, sample_weight=weights))


def _map_at_k(y: Array, ranks: Array, weights: Array | None = None) -> float:
    """With one true label a row: the mean of 1 / its rank, 0 where it is none of the k."""
    reciprocal = (ranks == y[:, None]) / np.arange(1, ranks.shape[1] + 1)
    return float(np.average(reciprocal.sum(axis=1), weights=weights))


def fbeta(parameter: str) -> Metric:
    """F-beta of the higher label; beta > 1 weighs recall. Raises ValueError for a beta that is no positive number."""
    name = f"fbeta:{parameter}"
    try:
        beta = float(parameter)
    except ValueError:
        beta = 0.0
    if not 0 < beta < np.inf:
        raise ValueError(f"metric '{name}': '{parameter}' is not a positive number, as in fbeta:2")
    return Metric(name, True, BINARY, "log", partial(_fbeta, beta=beta), wants="labels")


def map_at_k(parameter: str) -> Metric:
    """Mean average precision at k, of one true label a row. Raises ValueError for a k that is no whole number > 0."""
    name = f"map:{parameter}"
    if not parameter.isdecimal() or not (k := int(parameter)):
        raise ValueError(f"metric '{name}': '{parameter}' is not a number of labels, as in map:3")
    return Metric(name, True, MULTICLASS, "log", _map_at_k, wants="ranks", k=k)


def _graded(name: str, power: str) -> Metric:
    function = partial(_kappa, power=power)
    return Metric(name, True, ANY, "squared", function, wants="labels", ordinal=True, refuses=NOT_WHOLE)


CLASS_METRICS = (
    Metric("auc", True, CLASSES, "log", _auc),
    Metric("gini", True, BINARY, "log", _gini),
    Metric("logloss", False, CLASSES, "log", _logloss),
    Metric("brier", False, BINARY, "log", weighted(sk.mean_squared_error)),
    Metric("accuracy", True, CLASSES, "log", weighted(sk.accuracy_score), wants="labels"),
    Metric("balanced_accuracy", True, CLASSES, "log", _balanced_accuracy, wants="labels"),
    Metric("mcc", True, CLASSES, "log", weighted(sk.matthews_corrcoef), wants="labels"),
    Metric("f1", True, BINARY, "log", partial(_fbeta, beta=1.0), wants="labels"),
    Metric("macro_f1", True, CLASSES, "log", _macro_f1, wants="labels"),
    _graded("kappa_linear", "linear"),
    _graded("kappa_quadratic", "quadratic"),
)
