"""What the autoencoder adds, in one sentence: as easily read where it adds nothing as where it does."""

import numpy as np

from swapdae.modelling.gain import gain_of
from swapdae.report.stage_results import StageResults

DAE_VIEWS = {"dae", "dae_selected"}


def verdict(found: StageResults) -> str:
    """The blend of all heads against that of those on other columns, paired over folds; "" before heads have run."""
    heads = {name: head for name, head in found.experiment.heads.items() if name in found.oofs}
    readers = np.array([bool(DAE_VIEWS & set(head.features)) for head in heads.values()])
    if found.table is None or found.folds is None or not len(readers):
        return ""
    if not readers.any():
        return "No head reads the autoencoder's features."
    if readers.all():
        return "Every head reads the autoencoder's features; with one on raw columns this line would say what they add."
    table, metric = found.table, found.competition.metric_of
    oofs = np.stack([found.oofs[name] for name in heads])
    mean, low, high = gain_of(readers, oofs, table.y, found.folds, metric, table.weights)
    change, *ends = metric.value_of(mean), *sorted((metric.value_of(low), metric.value_of(high)))
    figures = f"{change:+.5f} {found.metric} in the blend, 95% interval over folds {ends[0]:+.5f} to {ends[1]:+.5f}"
    if low > 0:
        return f"The autoencoder's features help: {figures}."
    if high < 0:
        return f"The autoencoder's features harm: {figures}."
    return f"The autoencoder's features add nothing that can be told from noise here: {figures}."
