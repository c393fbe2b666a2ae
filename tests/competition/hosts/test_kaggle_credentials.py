"""Each source of credentials, and where they go."""

import base64
import socket
import time
from pathlib import Path

import pytest

from fake_kaggle import KEY, STORAGE, TOKEN, UPLOAD, USERNAME, FakeKaggle, Fault
from kaggle_case import FILES, competition, one_line, submit
from swapdae.base.errors import UserError
from swapdae.competition.hosts.kaggle import KaggleHost
from swapdae.competition.hosts.kaggle_credentials import find_credentials
from swapdae.competition.hosts.kaggle_download import CHUNK

pytest_plugins = ["kaggle_fixtures"]


@pytest.fixture
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine without credentials, on which every connection fails the test; its ~/.kaggle."""
    for name in ("API_TOKEN", "USERNAME", "KEY", "CONFIG_DIR", "API_ENVIRONMENT"):
        monkeypatch.delenv(f"KAGGLE_{name}", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(socket, "create_connection", lambda *_, **__: pytest.fail("talks to the network"))
    folder = tmp_path / ".kaggle"
    folder.mkdir()
    return folder


@pytest.mark.usefixtures("nothing_set")
def test_without_credentials_says_where_to_get_them(host: KaggleHost, directory: Path, csv: Path) -> None:
    start = time.monotonic()
    for attempt in (
        lambda: host.fetch(competition(), directory, list(FILES)),
        lambda: submit(host, csv, "m"),
    ):
        with pytest.raises(UserError) as caught:
            attempt()
        assert "https://www.kaggle.com/settings" in one_line(caught)
        assert "~/.kaggle/access_token" in one_line(caught)
    assert time.monotonic() - start < 1
    assert not directory.exists()


def test_credentials_in_order(nothing_set: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each source, from the last to the first: every one found takes precedence over those before it."""
    (nothing_set / "kaggle.json").write_text('{"username": "a", "key": "home"}')
    assert (find_credentials().username, find_credentials().secret) == ("a", "home")
    (tmp_path / "kaggle.json").write_text('{"username": "b", "key": "config_dir"}')
    monkeypatch.setenv("KAGGLE_CONFIG_DIR", str(tmp_path))
    assert (find_credentials().username, find_credentials().secret) == ("b", "config_dir")
    monkeypatch.setenv("KAGGLE_USERNAME", "c")
    assert find_credentials().username == "b"  # a name alone is no pair
    monkeypatch.setenv("KAGGLE_KEY", "variable")
    assert (find_credentials().username, find_credentials().secret) == ("c", "variable")
    (nothing_set / "access_token.txt").write_text("in_txt\n")
    assert (find_credentials().username, find_credentials().secret) == ("", "in_txt")
    (nothing_set / "access_token").write_text("in_file\n")
    assert find_credentials().secret == "in_file"
    (tmp_path / "elsewhere").write_text("named_file\n")
    monkeypatch.setenv("KAGGLE_API_TOKEN", str(tmp_path / "elsewhere"))
    assert find_credentials().secret == "named_file"
    monkeypatch.setenv("KAGGLE_API_TOKEN", "x" * 900)  # longer than any file's name
    assert find_credentials().secret == "x" * 900


@pytest.mark.parametrize("content", ["", "not json", "[]", '{"username": "a"}', '{"username": "a", "key": ""}'])
def test_unusable_kaggle_json_is_named(nothing_set: Path, content: str) -> None:
    (nothing_set / "kaggle.json").write_text(content)
    with pytest.raises(UserError, match=r"kaggle\.json.*https://www\.kaggle\.com/settings"):
        find_credentials()


@pytest.mark.parametrize("content", [b"", b'{"username": "a", "key": "s3cret"}', b"s3cret\nmore", b"s3cret\xff"])
def test_unusable_token_is_not_repeated(nothing_set: Path, content: bytes) -> None:
    (nothing_set / "access_token").write_bytes(content)
    with pytest.raises(UserError, match="access_token") as caught:
        find_credentials()
    assert "s3cret" not in str(caught.value)


def test_token_path_that_leads_nowhere(nothing_set: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAGGLE_API_TOKEN", str(nothing_set / "s3cret"))
    with pytest.raises(UserError, match="KAGGLE_API_TOKEN") as caught:
        find_credentials()
    assert "s3cret" not in str(caught.value)


def test_credentials_hide_their_secret(nothing_set: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAGGLE_API_TOKEN", TOKEN)
    assert TOKEN not in repr(find_credentials())


@pytest.mark.parametrize("pair", [False, True])
def test_credentials_go_to_the_api_and_not_to_storage(
    kaggle: FakeKaggle,
    host: KaggleHost,
    directory: Path,
    csv: Path,
    monkeypatch: pytest.MonkeyPatch,
    pair: bool,
) -> None:
    expected = f"Bearer {TOKEN}"
    if pair:
        monkeypatch.delenv("KAGGLE_API_TOKEN")
        monkeypatch.setenv("KAGGLE_USERNAME", USERNAME)
        monkeypatch.setenv("KAGGLE_KEY", KEY)
        expected = "Basic " + base64.b64encode(f"{USERNAME}:{KEY}".encode()).decode()
    kaggle.fail(STORAGE, Fault(cut=CHUNK + 99))  # so that a range is asked for as well
    host.fetch(competition(), directory, list(FILES))
    submit(host, csv, "m")
    for logged in kaggle.log:
        assert logged.headers.get("Authorization") == (None if logged.route in (STORAGE, UPLOAD) else expected)
