"""One operation's connection to one competition on Kaggle.

Not `import kaggle`: that one talks to the network as soon as a token is set, prints help when there is none,
and waits for ever for a server that stalls. kagglesdk, on which it is built, does none of that.
"""

from collections.abc import Callable, Iterator
from typing import Any, Self

import requests
from kagglesdk.competitions.services.competition_api_service import CompetitionApiClient
from kagglesdk.kaggle_http_client import KaggleHttpClient

from swapdae.competition.hosts.kaggle_credentials import find_credentials
from swapdae.competition.hosts.kaggle_requests import Patience, Timeouts, call


class Session:
    """Use as a context manager. api: the methods of kagglesdk; http: what they are sent through."""

    def __init__(self, slug: str, patience: Patience) -> None:
        self.slug = slug
        self.patience = patience
        self._credentials = find_credentials()
        self._client = KaggleHttpClient(user_agent="swapdae")
        self.api = CompetitionApiClient(self._client)

    def __enter__(self) -> Self:
        self._client.__enter__()
        self.http: requests.Session = self._client._session
        # Set here, for the client prefers a token from the environment to the credentials it is given.
        secret, username = self._credentials.secret, self._credentials.username
        self.http.auth = (username, secret) if username else KaggleHttpClient.BearerAuth(secret)
        # Bytes on the wire are the file's own: Range and Content-Length count them.
        self.http.headers["Accept-Encoding"] = "identity"
        for scheme in ("https://", "http://"):
            self.http.mount(scheme, Timeouts(self.patience))
        return self

    def __exit__(self, *exception: object) -> None:
        self._client.__exit__(*exception)

    def pages(self, ask: Callable[[Any], Any], request: Any) -> Iterator[Any]:
        """Every page of a listing."""
        request.page_size = 20
        request.page_token = ""
        while True:
            page = self.call(lambda: ask(request))
            yield page
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def call(self, function: Callable[[], Any], **how: Any) -> Any:
        """See `kaggle_requests.call`."""
        return call(function, self.slug, self.patience, **how)


def filled(kind: Any, **fields: Any) -> Any:
    """A request of `kind`; kagglesdk's take no arguments."""
    request = kind()
    for name, value in fields.items():
        setattr(request, name, value)
    return request
