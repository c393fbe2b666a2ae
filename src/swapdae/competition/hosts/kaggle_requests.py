"""One request to Kaggle: repeated while it may yet succeed, and if it does not, one line of advice.

No message quotes an exception's own text where that holds an address: signed ones open doors.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import requests
import tenacity
from requests.adapters import HTTPAdapter
from urllib3.exceptions import NewConnectionError

from swapdae.base.errors import UserError
from swapdae.competition.hosts.kaggle_credentials import SETTINGS

T = TypeVar("T")
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Patience:
    """How long to wait, in seconds; `attempts` and `looks` are counts."""

    connect: float = 10
    read: float = 60  # without a byte
    attempts: int = 6
    total: float = 300  # no new attempt at a request after this
    backoff: float = 1  # before the second attempt; doubles
    poll: float = 5  # between two looks at a submission
    looks: int = 12  # for a submission whose confirmation was lost
    score: float = 900  # until a submission has its score


class Timeouts(HTTPAdapter):
    """requests waits for ever unless told otherwise, and kagglesdk does not tell it."""

    def __init__(self, patience: Patience) -> None:
        self.timeout = (patience.connect, patience.read)
        super().__init__()

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        return super().send(request, *args, **{**kwargs, "timeout": kwargs.get("timeout") or self.timeout})


class KaggleError(UserError):
    """A request that came to nothing. `status` is the answer's; None: no answer, or none that makes sense.

    connected: False where the request cannot have left, for there was no connection.
    """

    def __init__(self, message: str, status: int | None = None, *, connected: bool = True) -> None:
        super().__init__(message)
        self.status = status
        self.connected = connected

    @property
    def nothing_done(self) -> bool:
        """Whether it is certain that Kaggle did nothing."""
        return not self.connected or (self.status in range(400, 500) and self.status != 408)


def too_many(error: BaseException) -> bool:
    """The one failure after which another attempt makes sense and it is certain that nothing was done."""
    return _status(error) == 429


def may_pass(error: BaseException) -> bool:
    """Failures that a later attempt may be spared: they are Kaggle's or the line's, not the user's."""
    dropped = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)
    return isinstance(error, dropped) or _status(error) in (408, 429, 500, 502, 503, 504)


def call(
    function: Callable[[], T],
    slug: str,
    patience: Patience,
    *,
    repeat_if: Callable[[BaseException], bool] = may_pass,
) -> T:
    """What `function` returns. Raises KaggleError once it fails for good or patience ends."""

    def once() -> T:
        try:
            return function()
        except requests.HTTPError as error:
            if error.response is not None:
                error.response.close()
            raise

    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception(repeat_if),
        wait=lambda state: _wait(state, patience),
        stop=tenacity.stop_after_attempt(patience.attempts) | tenacity.stop_before_delay(patience.total),
        before_sleep=_tell,
        reraise=True,
    )
    try:
        return retrying(once)
    except requests.HTTPError as error:
        raise KaggleError(_advice(error, slug), _status(error)) from None
    # What is no JSON, or JSON of another kind, comes out of kagglesdk as one of these.
    except (ValueError, KeyError):
        raise KaggleError(
            "Kaggle's answer is not what its API sends, maybe a login or proxy page: check the network"
        ) from None
    except requests.RequestException as error:
        raise KaggleError(
            f"Kaggle cannot be reached ({type(error).__name__}): check the network and proxy, then run again",
            connected=not _had_no_connection(error),
        ) from None


def send(session: requests.Session, request: requests.PreparedRequest, *, stream: bool = False) -> requests.Response:
    """Send as it is, without the session's credentials, but with the environment's proxy and certificates."""
    settings = session.merge_environment_settings(request.url or "", {}, stream, None, None)
    response = session.send(request, **settings)
    response.raise_for_status()
    return response


def _had_no_connection(error: requests.RequestException) -> bool:
    cause = error.args[0] if error.args else None
    return isinstance(error, requests.ConnectTimeout) or isinstance(getattr(cause, "reason", None), NewConnectionError)


def _status(error: BaseException) -> int | None:
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return error.response.status_code
    return None


def _wait(state: tenacity.RetryCallState, patience: Patience) -> float:
    """Seconds until the next attempt: what Retry-After asks for, else doubling from `patience.backoff`."""
    error = state.outcome.exception() if state.outcome else None
    response = error.response if isinstance(error, requests.HTTPError) else None
    wish = response.headers.get("Retry-After", "") if response is not None else ""
    if wish.isdigit():
        return float(wish)
    try:
        return max(0.0, (parsedate_to_datetime(wish) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):  # neither seconds nor a date with a zone
        return patience.backoff * 2.0 ** (state.attempt_number - 1)


def _tell(state: tenacity.RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    what = (error and _status(error)) or type(error).__name__
    log.warning("Kaggle: %s; attempt %d in %.0f s", what, state.attempt_number + 1, state.upcoming_sleep)


def _advice(error: requests.HTTPError, slug: str) -> str:
    status = _status(error)
    if error.request is not None and error.request.method != "POST":  # the API itself takes POST alone
        return f"Kaggle's storage refused the transfer ({status}): run again, later if that does not help"
    advice = {
        401: f"Kaggle refused the credentials (401): wrong or expired; make a new token at {SETTINGS}",
        403: f"Kaggle refused access to '{slug}' (403): accept the rules at https://www.kaggle.com/c/{slug}/rules",
        404: f"Kaggle has no competition '{slug}' (404): slug in competition.toml must be the last part "
        "of its address, see https://www.kaggle.com/competitions",
        429: "Kaggle takes no more requests for now (429): wait some minutes, then run again",
    }
    if status in advice:
        return advice[status]
    if status is not None and status >= 500:
        return f"Kaggle has trouble of its own ({status}): try again later"
    said = " ".join(str(error).split(" for url:")[0].split())
    return f"Kaggle refused the request for '{slug}' ({status}): {said}"
