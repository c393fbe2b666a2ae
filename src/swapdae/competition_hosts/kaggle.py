"""Kaggle as a host. The only place that knows kagglesdk.

Not `import kaggle`: that one talks to the network as soon as a token is set, prints help when there is none, and
waits for ever for a server that stalls.
"""

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Self, TypeVar

import pandas as pd
import requests
import tenacity
from kagglesdk.competitions.services.competition_api_service import CompetitionApiClient
from kagglesdk.competitions.types import competition_api_service as api
from kagglesdk.kaggle_http_client import KaggleHttpClient
from requests.adapters import HTTPAdapter

from swapdae.competition_hosts import Score
from swapdae.competition_hosts.kaggle_credentials import SETTINGS, find_credentials
from swapdae.competition_hosts.kaggle_download import Damaged, Download
from swapdae.config import Competition
from swapdae.errors import UserError

T = TypeVar("T")
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Patience:
    """How long to wait, in seconds; `attempts` and `looks` are counts."""

    connect: float = 10
    read: float = 60
    attempts: int = 6
    total: float = 300  # of all attempts at one request
    backoff: float = 1  # before the second attempt; doubles
    longest_backoff: float = 60
    poll: float = 5  # between two looks at a submission
    looks: int = 3  # for a submission whose confirmation was lost
    score: float = 900  # until a submission has its score


class KaggleError(UserError):
    """A request that came to nothing. `status` is what Kaggle answered; None: no answer, or none that makes sense."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class KaggleHost:
    """A `Host`. Looks for credentials only when it is about to talk to Kaggle."""

    patience: Patience = Patience()

    def fetch(self, competition: Competition, directory: Path) -> None:
        """Download what is not yet in `directory` with the right size; an interrupted download is taken up again.

        Raises UserError, and leaves no file under its own name that is not whole.
        """
        try:
            with _Session(competition.slug, self.patience) as kaggle:
                sizes = kaggle.sizes()
                directory.mkdir(parents=True, exist_ok=True)
                for name in competition.files.all:
                    if name not in sizes:
                        raise UserError(
                            f"Kaggle has no file '{name}' for '{competition.slug}', only "
                            f"{', '.join(sorted(sizes)) or 'none at all'}: mend [files] in competition.toml"
                        )
                    download = Download(directory, name, sizes[name], competition.git_blob_sha1.get(name))
                    if not download.is_in_place():
                        kaggle.download(download)
        except OSError as error:
            raise UserError(
                f"{directory}: cannot be written ({error.strerror}); free space or mend its permissions, run again"
            ) from None

    def submit(self, competition: Competition, csv: Path, message: str) -> Score:
        """Hand in `csv`; a Score without numbers if Kaggle has none after `patience.score` seconds.

        Raises UserError if the limit is reached, the upload fails, or Kaggle rejects the file.
        """
        if not csv.is_file():
            raise UserError(f"{csv}: no such file; make the submission first")
        with _Session(competition.slug, self.patience) as kaggle:
            kaggle.check_limits()
            token = kaggle.upload(csv)
            ref = kaggle.create(token, message)
            return kaggle.wait_for_score(ref)

    def score(self, competition: Competition, submission: pd.DataFrame) -> Score:
        """Kaggle scores only what is handed in."""
        return Score(None, None)


class _Timeouts(HTTPAdapter):
    """requests waits for ever unless told otherwise, and kagglesdk does not tell it."""

    def __init__(self, patience: Patience) -> None:
        self.timeout = (patience.connect, patience.read)
        super().__init__()

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        return super().send(request, *args, **{**kwargs, "timeout": kwargs.get("timeout") or self.timeout})


class _Session:
    """One operation's connection to one competition."""

    def __init__(self, slug: str, patience: Patience) -> None:
        self.slug = slug
        self.patience = patience
        self.submissions_page = f"https://www.kaggle.com/c/{slug}/submissions"
        self._credentials = find_credentials()
        self._client = KaggleHttpClient(user_agent="swapdae")
        self._api = CompetitionApiClient(self._client)

    def __enter__(self) -> Self:
        self._client.__enter__()
        self._http: requests.Session = self._client._session
        # Set here, for the client would rather take a token from the environment than the credentials it is given.
        secret, username = self._credentials.secret, self._credentials.username
        self._http.auth = (username, secret) if username else KaggleHttpClient.BearerAuth(secret)
        # Bytes on the wire are the file's own: Range and Content-Length count them.
        self._http.headers["Accept-Encoding"] = "identity"
        for scheme in ("https://", "http://"):
            self._http.mount(scheme, _Timeouts(self.patience))
        return self

    def __exit__(self, *exception: object) -> None:
        self._client.__exit__(*exception)

    # >>> Download

    def sizes(self) -> dict[str, int]:
        """Bytes of every file of the competition, by name."""
        pages = self._pages(
            self._api.list_data_files, api.ApiListDataFilesRequest, {"competition_name": self.slug}
        )
        return {file.name: file.total_bytes for page in pages for file in page.files}

    def download(self, download: Download) -> None:
        """Fetch, check and publish one file; one that came damaged is fetched once more."""
        request = _filled(api.ApiDownloadDataFileRequest, competition_name=self.slug, file_name=download.name)

        def attempt() -> None:
            with self._api.download_data_file(request) as response:
                if "text/html" in response.headers.get("Content-Type", ""):
                    raise ValueError("a web page, not a file")
                if (headers := download.rest(response)) is None:
                    return download.write(response)
                # The request that the redirect led to: it has no credentials, which storage must not see.
                again = response.request.copy()
            again.headers.update(headers)
            with self._send(again, stream=True) as response:
                download.write(response)

        for last in (False, True):
            self._call(attempt)
            try:
                return download.publish()
            except Damaged as damage:
                if last:
                    raise UserError(
                        f"'{download.name}' of '{self.slug}' arrived damaged twice ({damage}); try again later"
                    ) from None
                log.warning("'%s' arrived damaged (%s); fetching it once more", download.name, damage)

    # >>> Submit

    def check_limits(self) -> None:
        """Raises UserError if nothing more may be handed in now. Where Kaggle does not tell, submitting will."""
        request = _filled(api.ApiGetSubmissionLimitsRequest, competition_name=self.slug)
        try:
            limits = self._call(lambda: self._api.get_submission_limits(request))
        except KaggleError as error:
            if error.status in (400, 404, 405, 501):
                return
            raise
        # Before one's first submission every number is 0.
        if limits.num_allowed_now == 0 and limits.num_total > 0:
            which = "in total" if limits.limited_by_total else "today; try again after midnight UTC"
            raise UserError(f"'{self.slug}' takes no more of your submissions {which}")

    def upload(self, csv: Path) -> str:
        """The token of the uploaded file. Uploading again is harmless: only a created submission counts."""
        stat = csv.stat()
        request = _filled(
            api.ApiStartSubmissionUploadRequest,
            competition_name=self.slug,
            file_name=csv.name,
            content_length=stat.st_size,
            last_modified_epoch_seconds=int(stat.st_mtime),
        )

        def attempt() -> str:
            start = self._api.start_submission_upload(request)
            with csv.open("rb") as file:
                put = requests.Request("PUT", start.create_url, data=file).prepare()
                self._send(put).close()
            return str(start.token)

        return self._call(attempt)
