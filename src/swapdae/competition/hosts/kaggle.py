"""Kaggle as a host. The only place that knows kagglesdk.

Not `import kaggle`: that one talks to the network as soon as a token is set, prints help when there is none,
and waits for ever for a server that stalls.
"""

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import pandas as pd
import requests
from kagglesdk.competitions.services.competition_api_service import CompetitionApiClient
from kagglesdk.competitions.types import competition_api_service as api
from kagglesdk.competitions.types.submission_status import SubmissionStatus
from kagglesdk.kaggle_http_client import KaggleHttpClient

from swapdae.base.errors import UserError
from swapdae.competition.config import Competition
from swapdae.competition.hosts import Score
from swapdae.competition.hosts.kaggle_credentials import find_credentials
from swapdae.competition.hosts.kaggle_download import Download
from swapdae.competition.hosts.kaggle_requests import KaggleError, Patience, Timeouts, call, send, too_many

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class KaggleHost:
    """A `Host`. Looks for credentials only when it is about to talk to Kaggle."""

    patience: Patience = field(default_factory=Patience)

    def fetch(self, competition: Competition, directory: Path) -> None:
        """Download what is not yet in `directory` with the right size; what was interrupted goes on.

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
            raise UserError(f"{directory}: cannot be written ({error.strerror}): mend that, then run again") from None

    def submit(self, competition: Competition, csv: Path, message: str) -> Score:
        """Hand in `csv`; a Score without numbers if Kaggle has none after `patience.score` seconds.

        A submission with this message is not handed in again: its score is waited for. Raises
        UserError if the limit is reached, the upload fails, or Kaggle rejects the file.
        """
        try:
            with _Session(competition.slug, self.patience) as kaggle:
                ref = kaggle.find(message)
                if ref is None:
                    kaggle.check_limits()
                    ref = kaggle.create(kaggle.upload(csv), message)
                return kaggle.wait_for_score(ref)
        except OSError as error:
            raise UserError(f"{csv}: cannot be read ({error.strerror}); make the submission first") from None

    def score(self, competition: Competition, submission: pd.DataFrame) -> Score:
        """Kaggle scores only what is handed in."""
        return Score(None, None)


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
        # Set here, for the client prefers a token from the environment to the credentials it is given.
        secret, username = self._credentials.secret, self._credentials.username
        self._http.auth = (username, secret) if username else KaggleHttpClient.BearerAuth(secret)
        # Bytes on the wire are the file's own: Range and Content-Length count them.
        self._http.headers["Accept-Encoding"] = "identity"
        for scheme in ("https://", "http://"):
            self._http.mount(scheme, Timeouts(self.patience))
        return self

    def __exit__(self, *exception: object) -> None:
        self._client.__exit__(*exception)

    # >>> Download

    def sizes(self) -> dict[str, int]:
        """Bytes of every file of the competition, by name."""
        request = _filled(api.ApiListDataFilesRequest, competition_name=self.slug)
        pages = self._pages(self._api.list_data_files, request)
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
            with send(self._http, again, stream=True) as response:
                download.write(response)

        download.obtain(lambda: self._call(attempt))

    # >>> Submit

    def check_limits(self) -> None:
        """Raises UserError if nothing more may be handed in now. Where Kaggle does not tell, go on."""
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
        request = _filled(api.ApiStartSubmissionUploadRequest, competition_name=self.slug, file_name=csv.name)
        request.content_length = csv.stat().st_size
        request.last_modified_epoch_seconds = int(csv.stat().st_mtime)

        def attempt() -> Any:
            start = self._api.start_submission_upload(request)
            with csv.open("rb") as file:
                put = requests.Request("PUT", start.create_url, data=file).prepare()
                send(self._http, put).close()
            return start.token

        return str(self._call(attempt))

    def create(self, token: str, message: str) -> int:
        """Turn the upload into one submission and return its number.

        Where the confirmation is lost, look for the submission by its message before trying a second time.
        """
        request = _filled(api.ApiCreateSubmissionRequest, competition_name=self.slug, blob_file_tokens=token)
        request.submission_description = message
        unknown = f"see {self.submissions_page} for '{message}' before handing in again"
        for first in (True, False):
            try:
                answer = self._call(lambda: self._api.create_submission(request), repeat_if=too_many)
                if answer.ref:
                    return int(answer.ref)
            except KaggleError as error:
                if first and error.is_refusal:
                    raise
                log.warning("the submission is not confirmed (%s); looking whether it arrived", error)
            try:
                # Looks repeatedly: it may still be on its way.
                for _ in range(self.patience.looks):
                    time.sleep(self.patience.poll)
                    if ref := self.find(message):
                        return ref
            except KaggleError as error:
                raise UserError(f"{error}; the submission may have arrived: {unknown}") from None
        raise UserError(f"Kaggle did not confirm the submission: {unknown}")

    def find(self, message: str) -> int | None:
        """The number of one's submission with this message, if there is one."""
        request = _filled(api.ApiListSubmissionsRequest, competition_name=self.slug, page=1)
        for page in self._pages(self._api.list_submissions, request):
            for submission in page.submissions:
                if (submission.description or "").strip() == message.strip():
                    return int(submission.ref)
        return None

    def wait_for_score(self, ref: int) -> Score:
        """Raises UserError, with Kaggle's reason, if it rejects the submission."""
        request = _filled(api.ApiGetSubmissionRequest, ref=ref)
        end = time.monotonic() + self.patience.score
        where = f"its score will be at {self.submissions_page}"
        while True:
            try:
                submission = self._call(lambda: self._api.get_submission(request))
            except KaggleError as error:
                raise UserError(f"submission {ref} is handed in, {where}, but: {error}") from None
            if submission.status is SubmissionStatus.ERROR:
                why = " ".join((submission.error_description or "no reason given").split())
                raise UserError(f"Kaggle rejected submission {ref}: {why}; see {self.submissions_page}")
            if submission.status is SubmissionStatus.COMPLETE:
                return Score(_number(submission.public_score), _number(submission.private_score), str(ref))
            if time.monotonic() + self.patience.poll > end:
                log.warning("submission %d has no score yet; %s", ref, where)
                return Score(None, None, str(ref))
            time.sleep(self.patience.poll)

    # >>> Requests

    def _pages(self, ask: Callable[[Any], Any], request: Any) -> Iterator[Any]:
        """Every page of a listing."""
        request.page_size = 20
        request.page_token = ""
        while True:
            page = self._call(lambda: ask(request))
            yield page
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def _call(self, function: Callable[[], Any], **how: Any) -> Any:
        return call(function, self.slug, self.patience, **how)


def _filled(kind: Any, **fields: Any) -> Any:
    """A request of `kind`; kagglesdk's take no arguments."""
    request = kind()
    for name, value in fields.items():
        setattr(request, name, value)
    return request


def _number(text: str | None) -> float | None:
    """A score, which Kaggle sends as text, empty while it keeps it to itself."""
    try:
        return float(text or "")
    except ValueError:
        return None
