"""Where a competition's data comes from and where a submission goes: one small interface, one module per host."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pandas as pd

from swapdae.competition.config import Competition


@dataclass(frozen=True)
class Score:
    """What a host says of a submission; None where it does not tell (yet). `ref` is the host's name for it."""

    public: float | None
    private: float | None
    ref: str = ""


class Host(Protocol):
    """A competition host. Every method raises UserError, in one line, for what the user can mend."""

    def fetch(self, competition: Competition, directory: Path) -> None:
        """Put the competition's CSVs (competition.files) into `directory`; called only for files not yet there."""

    def submit(self, competition: Competition, csv: Path, message: str) -> Score:
        """Hand in `csv` and wait for its score. `message` is unique to this submission."""

    def score(self, competition: Competition, submission: pd.DataFrame) -> Score:
        """Score a frame in the shape of the sample submission, without handing it in; None and None where it cannot."""


def host_of(competition: Competition) -> Host:
    """The host that `competition.host` names. Imports it only now: a run that needs no network loads no client."""
    if competition.host == "kaggle":
        from swapdae.competition.hosts.kaggle import KaggleHost

        return KaggleHost()
    from swapdae.competition.hosts.nycflights13 import Nycflights13Host

    return Nycflights13Host()
