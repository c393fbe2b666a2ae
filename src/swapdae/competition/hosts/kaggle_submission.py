"""One submission to Kaggle: uploaded, created once, looked for where its confirmation was lost, scored."""

import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from kagglesdk.competitions.types import competition_api_service as api
from kagglesdk.competitions.types.submission_status import SubmissionStatus

from swapdae.base.errors import UserError
from swapdae.competition.hosts.interface import Score
from swapdae.competition.hosts.journal import Journal
from swapdae.competition.hosts.kaggle_requests import KaggleError, send, too_many
from swapdae.competition.hosts.kaggle_session import Session, filled

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Submission:
    """A submission known by its message. Kaggle's numbers of submissions are called refs."""

    kaggle: Session
    message: str
    journal: Journal

    @property
    def page(self) -> str:
        return f"https://www.kaggle.com/c/{self.kaggle.slug}/submissions"

    def hand_in(self, csv: Path) -> int:
        """The ref of the one submission with this message, which is created if it has never been sent."""
        ref = self.journal.ref(self.message)
        if ref is None and self.journal.was_sent(self.message):
            ref = self._look()
        if ref is None:
            ref = self._find()  # sent without this journal
        if ref is None:
            self._check_limits()
            ref = self._create(self._upload(csv))
        self.journal.confirmed(self.message, ref)
        return ref

    def wait_for_score(self, ref: int) -> Score:
        """Raises UserError, with Kaggle's reason, if it rejects the submission."""
        request = filled(api.ApiGetSubmissionRequest, ref=ref)
        patience = self.kaggle.patience
        end = time.monotonic() + patience.score
        where = f"its score will be at {self.page}"
        while True:
            try:
                submission = self.kaggle.call(lambda: self.kaggle.api.get_submission(request))
            except KaggleError as error:
                raise UserError(f"submission {ref} is handed in, {where}, but: {error}") from None
            if submission.status is SubmissionStatus.ERROR:
                why = " ".join((submission.error_description or "no reason given").split())
                raise UserError(f"Kaggle rejected submission {ref}: {why}; see {self.page}")
            if submission.status is SubmissionStatus.COMPLETE:
                return Score(_number(submission.public_score), _number(submission.private_score), str(ref))
            if time.monotonic() + patience.poll > end:
                log.warning("submission %d has no score yet; %s", ref, where)
                return Score(None, None, str(ref))
            time.sleep(patience.poll)

    def _check_limits(self) -> None:
        """Raises UserError if nothing more may be handed in now. Where Kaggle does not tell, go on."""
        request = filled(api.ApiGetSubmissionLimitsRequest, competition_name=self.kaggle.slug)
        try:
            limits = self.kaggle.call(lambda: self.kaggle.api.get_submission_limits(request))
        except KaggleError as error:
            if error.status in (400, 404, 405, 501):
                return
            raise
        # Before one's first submission every number is 0.
        if limits.num_allowed_now == 0 and limits.num_total > 0:
            which = "in total" if limits.limited_by_total else "today; try again after midnight UTC"
            raise UserError(f"'{self.kaggle.slug}' takes no more of your submissions {which}")

    def _upload(self, csv: Path) -> str:
        """The token of the uploaded file. Uploading again is harmless: only a created submission counts."""
        request = filled(api.ApiStartSubmissionUploadRequest, competition_name=self.kaggle.slug, file_name=csv.name)

        def attempt() -> Any:
            start = self.kaggle.api.start_submission_upload(request)
            with csv.open("rb") as file:
                put = requests.Request("PUT", start.create_url, data=file).prepare()
                send(self.kaggle.http, put).close()
            return start.token

        try:
            request.content_length = csv.stat().st_size
            request.last_modified_epoch_seconds = int(csv.stat().st_mtime)
            return str(self.kaggle.call(attempt))
        except OSError as error:
            raise UserError(f"{csv}: cannot be read ({error.strerror}); run the blend stage, which makes it") from None

    def _create(self, token: str) -> int:
        """Turn the upload into one submission. It is sent once; if no answer comes, it is looked for."""
        request = filled(api.ApiCreateSubmissionRequest, competition_name=self.kaggle.slug, blob_file_tokens=token)
        request.submission_description = self.message
        self.journal.sending(self.message)
        try:
            answer = self.kaggle.call(lambda: self.kaggle.api.create_submission(request), repeat_if=too_many)
            if answer.ref:
                return int(answer.ref)
            log.warning("the submission is not confirmed (no number); looking whether it arrived")
        except KaggleError as error:
            if error.nothing_done:
                self.journal.refused(self.message)
                raise
            log.warning("the submission is not confirmed (%s); looking whether it arrived", error)
        return self._look()

    def _look(self) -> int:
        """Look for what was sent for some time. Raises UserError if it does not show up: it may still do so."""
        advice = (
            f"look for it at {self.page}; running again looks again and sends nothing; "
            f"to hand it in a second time, delete {self.journal.file}"
        )
        try:
            for _ in range(self.kaggle.patience.looks):
                if (ref := self._find()) is not None:
                    return ref
                time.sleep(self.kaggle.patience.poll)
        except KaggleError as error:
            raise UserError(f"'{self.message}' may have arrived, but: {error}; {advice}") from None
        raise UserError(f"Kaggle has not confirmed '{self.message}': {advice}")

    def _find(self) -> int | None:
        """The ref of one's submission with this message, if Kaggle lists one."""
        request = filled(api.ApiListSubmissionsRequest, competition_name=self.kaggle.slug, page=1)
        for page in self.kaggle.pages(self.kaggle.api.list_submissions, request):
            for submission in page.submissions:
                if (submission.description or "").strip() == self.message.strip():
                    return int(submission.ref)
        return None


def _number(text: str | None) -> float | None:
    """A score, which Kaggle sends as text, empty while it keeps it to itself."""
    try:
        return float(text or "")
    except ValueError:
        return None
