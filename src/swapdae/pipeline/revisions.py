"""The revision of every stage, which is part of its key: raised when its code computes other numbers.

A test of small fixed problems fails when numbers change and the revision has not. Raise it by adding a line with the
reason; everything made before is then stale. What changes no number (a comment, a name, a faster way to the same
result) raises nothing: `status` tells that other code made a result, and leaves it as done.
"""

from typing import NamedTuple


class Revision(NamedTuple):
    """number: 1, 2, ... reason: what changed."""

    number: int
    reason: str


REVISIONS: dict[str, tuple[Revision, ...]] = {
    "download": (
        Revision(1, "keys of upstream reports"),
        Revision(2, "texts by groups of letters, weekdays by splines"),
        Revision(3, "no year and age of a date that runs on in test"),
    ),
    "folds": (Revision(1, "folds have a stage of their own"),),
    "dae": (Revision(1, "keys of upstream reports"), Revision(2, "numbers are cut at five standard deviations")),
    "activations": (Revision(1, "keys of upstream reports"),),
    "tune": (
        Revision(1, "keys of upstream reports"),
        Revision(2, "labels are decided by a threshold"),
        Revision(3, "numbers are cut at five standard deviations"),
    ),
    "heads": (
        Revision(1, "keys of upstream reports"),
        Revision(2, "labels are decided by a threshold"),
        Revision(3, "ridge searches its penalty on a grid"),
        Revision(4, "numbers are cut at five standard deviations; in time, a final fit predicts test"),
        Revision(5, "models are kept"),
    ),
    "blend": (Revision(1, "keys of upstream reports"), Revision(2, "labels are decided by a threshold")),
    "models": (Revision(1, "the first"),),
    "worth": (Revision(1, "the first"), Revision(2, "numbers are cut at five standard deviations")),
    "score": (Revision(1, "keys of upstream reports"), Revision(2, "labels are decided by a threshold")),
    "submit": (Revision(1, "a CSV is known by its sha256"),),
    "report": (Revision(1, "keys of upstream reports"),),
    "select_features": (Revision(1, "keys of upstream reports"),),
    "tune_noise": (Revision(1, "keys of upstream reports"), Revision(2, "numbers are cut at five standard deviations")),
}
