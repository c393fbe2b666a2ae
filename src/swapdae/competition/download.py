"""The competition's CSVs in input/<competition>/: fetched where they are missing, and still what they were."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from swapdae.base.errors import UserError
from swapdae.base.files import locked, publish, sha256_of, write_text
from swapdae.competition.config import Competition
from swapdae.competition.hosts.interface import host_of

FETCHED = ".fetched.json"  # sha256 of the files that a host wrote, by name
FETCHING = ".fetching"  # the folder that a host writes into; the next fetch goes on with what a killed one left there
WAIT = 600  # seconds for another run that is fetching the same files


def ensure_files(competition: Competition, directory: Path, say: Callable[[str], None]) -> dict[str, str]:
    """Have every CSV of the competition in `directory`, and return their sha256 by name.

    Files that are there stay as they are and need no host. Raises UserError where a file cannot be fetched or
    written, and for what `file_hashes` refuses.
    """
    if _missing(competition, directory) or (directory / FETCHING).exists():
        with locked(directory, WAIT, say):
            if missing := _missing(competition, directory):  # still: another run may have fetched them meanwhile
                if competition.host != "none":
                    say(f"{directory}: fetching {', '.join(missing)} from {competition.host}")
                try:
                    _fetch(competition, directory, missing)
                except OSError as error:
                    reason = error.strerror or error
                    raise UserError(f"{directory}: cannot be written ({reason}); mend that, then run again") from None
            shutil.rmtree(directory / FETCHING, ignore_errors=True)
    return file_hashes(competition, directory)


def file_hashes(competition: Competition, directory: Path) -> dict[str, str]:
    """sha256 of the competition's CSVs by name; "absent" where there is none.

    Raises UserError for a file that is not as a host wrote it, or not the one that [git_blob_sha1] names.
    """
    fetched, missing = _fetched(directory), _missing(competition, directory)
    hashes = dict.fromkeys(missing, "absent")
    for name in competition.files.all:
        if name in missing:
            continue
        file = directory / name
        hashes[name] = sha256_of(file)
        if fetched.get(name, hashes[name]) != hashes[name]:
            advice = f"delete it to fetch it again, or delete {FETCHED} to keep yours"
            raise UserError(f"{file}: is not what was fetched; {advice}")
        _check_known(competition, name, file)
    return {name: hashes[name] for name in competition.files.all}


def folds_file_hash(competition: Competition, directory: Path) -> dict[str, str]:
    """sha256 of the file with the user's own folds, by name, where there is one."""
    files = [directory / name for name in competition.folds.by if competition.folds.kind == "file"]
    return {file.name: sha256_of(file) if file.is_file() else "absent" for file in files}


def git_blob_sha1(file: Path) -> str:
    """What `git hash-object` prints for `file`."""
    header = hashlib.sha1(b"blob %d\0" % file.stat().st_size, usedforsecurity=False)
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: header).hexdigest()


def _fetch(competition: Competition, directory: Path, missing: list[str]) -> None:
    """Let the host write into a folder of its own, and move from there what it was asked for."""
    fetching, fetched = directory / FETCHING, _fetched(directory)
    fetching.mkdir(exist_ok=True)
    host_of(competition).fetch(competition, fetching, missing)
    for name in missing:
        file = fetching / name
        if not file.is_file():
            raise UserError(f"{competition.host} did not bring '{name}'; put it into {directory} by hand")
        try:
            _check_known(competition, name, file)
        except UserError:
            file.unlink()
            raise
        fetched[name] = sha256_of(file)
    # Recorded first: a file that is recorded and missing is fetched again, one that is not recorded is the user's.
    write_text(directory / FETCHED, json.dumps(fetched, indent=1) + "\n")
    for name in missing:
        if not os.path.lexists(directory / name):  # else the user put it there meanwhile
            publish(fetching / name, directory / name)


def _missing(competition: Competition, directory: Path) -> list[str]:
    """Names that nothing in `directory` has. Raises UserError where one belongs to what is no file."""
    names = competition.files.all
    for file in (directory / name for name in names):
        if os.path.lexists(file) and not file.is_file():
            raise UserError(f"{file}: is not a file, or a link to none; move it away")
    return [name for name in names if not (directory / name).is_file()]


def _fetched(directory: Path) -> dict[str, str]:
    """What hosts have written into `directory`: sha256 by name."""
    file = directory / FETCHED
    try:
        return {str(name): str(sha256) for name, sha256 in json.loads(file.read_text(encoding="utf-8")).items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError):
        raise UserError(f"{file}: cannot be read; delete it to keep the files beside it as they are") from None


def _check_known(competition: Competition, name: str, file: Path) -> None:
    """Raises UserError where [git_blob_sha1] names another file."""
    known = competition.git_blob_sha1.get(name)
    if known and (found := git_blob_sha1(file)) != known:
        raise UserError(
            f"{file}: is not the known file (git blob {found} instead of {known}): delete it to fetch it again, or, "
            "if it was replaced, mend [git_blob_sha1] in competition.toml"
        )
