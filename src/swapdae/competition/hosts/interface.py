"""Where a competition's data comes from and where a submission goes: one small interface, one module per host."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pandas as pd

from swapdae.competition.config import Competition
from swapdae.competition.hosts import HOSTS


@dataclass(frozen=True)
class Score:
    """What a host says of a submission; None where it does not tell (yet). `ref` is the host's name for it."""

    public: float | None
    private: float | None
    ref: str = ""


class Host(Protocol):
    """A competition host. Every method raises UserError, in one line, for what the user can mend."""

    def fetch(self, competition: Competition, directory: Path, names: Sequence[str]) -> None:
        """Put these of the competition's CSVs into `directory`, each whole or not at all.

        A file that is there stays as it is.
        """

    def submit(self, competition: Competition, csv: Path, message: str, journal: Path) -> Score:
        """Hand in `csv` once and wait for its score.

        message: unique to this submission, by which the host knows it again; handing the same file in deliberately
        again takes another one. journal: a file of the host's own, which outlives the process and holds what
        has been sent, so that a submission whose confirmation was lost is never sent twice.
        """

    def score(self, competition: Competition, submission: pd.DataFrame, directory: Path) -> Score:
        """Score a frame in the shape of the sample submission, without handing it in; None and None where it cannot.

        directory: where the competition's files lie.
        """


def host_of(competition: Competition) -> Host:
    """The host that `competition.host` names."""
    host: Host = HOSTS[competition.host]()
    return host
