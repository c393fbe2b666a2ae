"""Where the Kaggle credentials of this machine are. Reads variables and small files, never the network."""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path

from swapdae.base.errors import UserError

SETTINGS = "https://www.kaggle.com/settings"


@dataclass(frozen=True)
class Credentials:
    """An access token (then `username` is empty) or the older pair of user name and key."""

    secret: str = field(repr=False)
    username: str = ""


def find_credentials() -> Credentials:
    """The first of: KAGGLE_API_TOKEN (a token, or a file that holds one), ~/.kaggle/access_token[.txt],
    KAGGLE_USERNAME with KAGGLE_KEY, kaggle.json in KAGGLE_CONFIG_DIR or ~/.kaggle.

    Raises UserError where there is none or the first one found is unusable. No message repeats a secret.
    """
    home = Path("~/.kaggle").expanduser()
    if value := os.environ.get("KAGGLE_API_TOKEN", "").strip():
        return _token_or_file(value)
    for file in (home / "access_token", home / "access_token.txt"):
        if file.is_file():
            return Credentials(_usable(_read(file, str(file)), str(file)))
    username, key = os.environ.get("KAGGLE_USERNAME", "").strip(), os.environ.get("KAGGLE_KEY", "").strip()
    if username and key:
        return Credentials(_usable(key, "KAGGLE_KEY"), _usable(username, "KAGGLE_USERNAME"))
    folders = [Path(folder)] if (folder := os.environ.get("KAGGLE_CONFIG_DIR")) else []
    for file in (folder / "kaggle.json" for folder in [*folders, home]):
        if file.is_file():
            return _pair(file)
    raise UserError(
        f"no Kaggle credentials on this machine: create a token at {SETTINGS} and put it into "
        "~/.kaggle/access_token (or the variable KAGGLE_API_TOKEN)"
    )


def _token_or_file(value: str) -> Credentials:
    """The token that KAGGLE_API_TOKEN is or that lies in the file it names; only paths have a separator."""
    try:
        is_file = Path(value).is_file()
    except OSError:  # too long for a name
        is_file = False
    if is_file or os.sep in value:
        # Not by its name: were it a token after all, the message would show it.
        origin = "the file that KAGGLE_API_TOKEN names"
        return Credentials(_usable(_read(Path(value), origin), origin))
    return Credentials(_usable(value, "KAGGLE_API_TOKEN"))


def _pair(file: Path) -> Credentials:
    text = _read(file, str(file))
    try:
        content = json.loads(text)
        username, key = str(content["username"]), str(content["key"])
    except (ValueError, KeyError, TypeError):
        raise UserError(f'{file}: is not {{"username": ..., "key": ...}}; make a new one at {SETTINGS}') from None
    return Credentials(_usable(key, str(file)), _usable(username, str(file)))


def _read(file: Path, origin: str) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise UserError(f"{origin}: cannot be read ({reason}); mend it or make a new token at {SETTINGS}") from None


def _usable(secret: str, origin: str) -> str:
    """`secret` itself if it can stand in a header; a whole JSON file or an empty one cannot."""
    if not secret or not all("!" <= character <= "~" for character in secret) or secret.startswith("{"):
        raise UserError(f"{origin}: holds no Kaggle token or key; make a new one at {SETTINGS}")
    return secret
