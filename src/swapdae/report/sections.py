"""The sections of the page, in order. A new one is a file with a function `section`, and its name here."""

from collections.abc import Callable

from swapdae.report import (
    activations,
    autoencoder,
    blend,
    data,
    predictions,
    provenance,
    result,
    selection,
    tuning,
    worth,
)
from swapdae.report.page import Section
from swapdae.report.stage_results import StageResults

SECTIONS: tuple[Callable[[StageResults], Section], ...] = (
    result.section,
    worth.section,
    data.section,
    autoencoder.section,
    activations.section,
    selection.section,
    tuning.section,
    blend.section,
    predictions.section,
    provenance.section,
)
