"""What a finished stage has left: its report.json, and whether that still holds."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from swapdae.base.files import write_text

REPORT = "report.json"


def digest(value: Any) -> str:
    """Short hash of a JSON value, the same in every process."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class StageReport:
    """report.json of a finished stage.

    key: the hash of `inputs`, which holds one hash per named input, so that a stale stage can say why. sources: of the
    code that made it, by file; versions: of Python and the libraries that decide its numbers. files: sha256 by name.
    """

    stage: str
    experiment: str
    key: str
    inputs: dict[str, str]
    config: dict[str, Any]
    sources: dict[str, str]
    versions: dict[str, str]
    device: str
    seconds: float
    peak_rss_gb: float
    metrics: dict[str, Any]
    files: dict[str, str]


def write_report(directory: Path, report: StageReport) -> None:
    """Write report.json with a hash of itself."""
    values = asdict(report)
    write_text(directory / REPORT, json.dumps({**values, "sha256": digest(values)}, indent=1) + "\n")


def read_report(directory: Path) -> StageReport | None:
    """The report in `directory`; None where there is none, or one that is not as it was written."""
    try:
        values = json.loads((directory / REPORT).read_text(encoding="utf-8"))
        return StageReport(**values) if values.pop("sha256") == digest(values) else None
    except (FileNotFoundError, NotADirectoryError, ValueError, TypeError, KeyError, AttributeError):
        return None


@dataclass(frozen=True)
class State:
    """done, stale or missing, and why. drift: what code or libraries have changed since a stage was done, in words."""

    state: Literal["done", "stale", "missing"]
    why: str = ""
    report: StageReport | None = None
    drift: str = ""

    def __str__(self) -> str:
        if self.drift:
            return f"{self.state}, {self.drift}"
        return f"{self.state} ({self.why})" if self.why else self.state
