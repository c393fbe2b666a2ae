"""Scratch directories, and how a finished one takes the place of a stage's directory.

`.dae.scratch` beside `dae` holds `out`, which is published, `work`, which is not (checkpoints live there until the
stage is published), and the key that it was made for. Once `out` holds a report.json it is complete, and from then on
a kill at any moment loses nothing: whoever comes next finishes the publishing.
"""

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from swapdae.base.files import sha256_of, sync_directory, write_text
from swapdae.experiment.stage_report import REPORT, StageReport, read_report, write_report


@dataclass(frozen=True)
class Scratch:
    """Where a body works. out: what it writes here is published. work: what it needs to go on after a kill."""

    out: Path
    work: Path
    key: str

    def hashes(self) -> dict[str, str]:
        """sha256 of every file in `out`, by its path there."""
        files = (file for file in sorted(self.out.rglob("*")) if file.is_file())
        return {str(file.relative_to(self.out)): sha256_of(file) for file in files}

    def fill(self, directory: Path, names: Iterable[str]) -> None:
        """Copies of files of `directory` in `out`, except where there is one already."""
        for name in names:
            target = self.out / name
            if not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(directory / name, target)


def _scratch(directory: Path) -> Path:
    return directory.with_name(f".{directory.name}.scratch")


def _old(directory: Path) -> Path:
    return directory.with_name(f".{directory.name}.old")


def open_scratch(directory: Path, key: str, *, fresh: bool = False) -> Scratch:
    """The scratch directory of `directory`; what another key left there is swept away, and so is all if `fresh`."""
    root = _scratch(directory)
    marker = root / "key"
    if fresh or not marker.is_file() or marker.read_text(encoding="utf-8") != key:
        shutil.rmtree(root, ignore_errors=True)
        root.mkdir(parents=True)
        write_text(marker, key)
    scratch = Scratch(root / "out", root / "work", key)
    for folder in (scratch.out, scratch.work):
        folder.mkdir(exist_ok=True)
        for part in folder.rglob("*.part"):
            part.unlink()
    return scratch


def publish(directory: Path, scratch: Scratch, report: StageReport) -> None:
    """Write the report, which makes `out` complete, and put it where the stage's directory is."""
    write_report(scratch.out, report)
    _take_place(directory)


def recover(directory: Path) -> None:
    """Finish what a killed process has begun: a complete `out` is published, an old directory comes back or goes."""
    root, old = _scratch(directory), _old(directory)
    if read_report(root / "out") is not None:
        _take_place(directory)
    elif not (root / "out").exists():
        shutil.rmtree(root, ignore_errors=True)
    else:
        (root / "out" / REPORT).unlink(missing_ok=True)  # one that is not as it was written
    if old.exists() and not directory.exists():
        old.rename(directory)
    shutil.rmtree(old, ignore_errors=True)


def _take_place(directory: Path) -> None:
    root, old = _scratch(directory), _old(directory)
    if directory.exists():
        shutil.rmtree(old, ignore_errors=True)
        directory.rename(old)
    (root / "out").rename(directory)
    sync_directory(directory.parent)
    shutil.rmtree(root, ignore_errors=True)
    shutil.rmtree(old, ignore_errors=True)
