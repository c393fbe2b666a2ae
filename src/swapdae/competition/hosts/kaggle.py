"""Kaggle as a host."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
from kagglesdk.competitions.types import competition_api_service as api

from swapdae.base.errors import UserError
from swapdae.competition.config import Competition
from swapdae.competition.hosts.interface import Host, Score
from swapdae.competition.hosts.journal import Journal
from swapdae.competition.hosts.kaggle_download import Download
from swapdae.competition.hosts.kaggle_requests import Patience, send
from swapdae.competition.hosts.kaggle_session import Session, filled
from swapdae.competition.hosts.kaggle_submission import Submission


@dataclass(frozen=True)
class KaggleHost(Host):
    """Looks for credentials only when it is about to talk to Kaggle."""

    patience: Patience = field(default_factory=Patience)

    def fetch(self, competition: Competition, directory: Path, names: Sequence[str]) -> None:
        """Download the files; what was interrupted goes on. Raises UserError, and OSError where a disk is full."""
        with Session(competition.slug, self.patience) as kaggle:
            listed = _sizes(kaggle)
            directory.mkdir(parents=True, exist_ok=True)
            for name in names:
                if (directory / name).exists():
                    continue
                if name not in listed:
                    raise UserError(
                        f"Kaggle has no file '{name}' for '{competition.slug}', only "
                        f"{', '.join(sorted(listed)) or 'none at all'}: mend [files] in competition.toml"
                    )
                _download(kaggle, Download(directory, name, listed[name]))

    def submit(self, competition: Competition, csv: Path, message: str, journal: Path) -> Score:
        """Hand in `csv`; a Score without numbers if Kaggle has none after `patience.score` seconds.

        A submission with this message is not handed in again: its score is waited for. Raises
        UserError if the limit is reached, the upload fails, Kaggle does not confirm the submission or rejects it.
        """
        with Session(competition.slug, self.patience) as kaggle:
            submission = Submission(kaggle, message, Journal(journal))
            return submission.wait_for_score(submission.hand_in(csv))

    def score(self, competition: Competition, submission: pd.DataFrame, directory: Path) -> Score:
        """Kaggle scores only what is handed in."""
        return Score(None, None)


def _sizes(kaggle: Session) -> dict[str, int]:
    """Bytes of every file of the competition, by name. Raises UserError where two have one name."""
    request = filled(api.ApiListDataFilesRequest, competition_name=kaggle.slug)
    sizes: dict[str, int] = {}
    for page in kaggle.pages(kaggle.api.list_data_files, request):
        for file in page.files:
            if file.name in sizes:
                raise UserError(
                    f"Kaggle lists two files '{file.name}' for '{kaggle.slug}'; fetch the right one by hand"
                )
            sizes[file.name] = file.total_bytes
    return sizes


def _download(kaggle: Session, download: Download) -> None:
    """Fetch, check and publish one file; one that came damaged is fetched once more."""
    request = filled(api.ApiDownloadDataFileRequest, competition_name=kaggle.slug, file_name=download.name)

    def attempt() -> None:
        with kaggle.api.download_data_file(request) as response:
            if "text/html" in response.headers.get("Content-Type", ""):
                raise ValueError("a web page, not a file")
            if (headers := download.rest(response)) is None:
                return download.write(response)
            # The request that the redirect led to: it has no credentials, which storage must not see.
            again = response.request.copy()
        again.headers.update(headers)
        with send(kaggle.http, again, stream=True) as response:
            download.write(response)

    download.obtain(lambda: kaggle.call(attempt))
