"""Run a stage once: key, lock, scratch directory, atomic publish.

A stage's key is the hash of everything that decides its output. If its directory exists with the same key and the
recorded sha256 of every file still holds, nothing is done. Otherwise its body runs in a scratch directory beside it,
which survives a crash so that the body can resume from its own checkpoints, and one rename publishes the result.
"""

import hashlib
import json
import os
import platform
import resource
import shutil
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock, Timeout

from swapdae import __version__
from swapdae.base.errors import UserError

REPORT = "report.json"
PACKAGES = (
    "swapdae",
    "torch",
    "numpy",
    "pandas",
    "scikit-learn",
    "lightgbm",
    "xgboost",
    "catboost",
    "optuna",
)

Inputs = Mapping[str, Any]  # what decides a stage's output, by a name that `status` can show; JSON values


@dataclass(frozen=True)
class Report:
    """report.json of a finished stage. `inputs` holds one hash per named input, so that a stale stage can say why."""

    stage: str
    experiment: str
    key: str
    inputs: dict[str, str]
    config: dict[str, Any]
    versions: dict[str, str]
    device: str
    seconds: float
    peak_rss_gb: float
    metrics: dict[str, Any]
    files: dict[str, str]  # name -> sha256


def digest(value: Any) -> str:
    """Short hash of a JSON value, the same in every process."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def sha256_of(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def key_of(inputs: Inputs) -> tuple[str, dict[str, str]]:
    """The stage's key, and the hash of each of its inputs. The package's version is always one of them."""
    hashes = {name: digest(value) for name, value in {**inputs, "swapdae": __version__}.items()}
    return digest(hashes), hashes


def read_report(directory: Path) -> Report | None:
    """The report in `directory`; None where there is none, or none that can be read."""
    try:
        return Report(**json.loads((directory / REPORT).read_text(encoding="utf-8")))
    except (FileNotFoundError, NotADirectoryError, ValueError, TypeError):
        return None


@dataclass(frozen=True)
class State:
    """done, stale or missing, and why."""

    state: Literal["done", "stale", "missing"]
    why: str = ""
    report: Report | None = None


def state_of(directory: Path, inputs: Inputs, *, verify: bool) -> State:
    """Whether the stage published in `directory` is what `inputs` would make. verify: read and hash its files too."""
    report = read_report(directory)
    if report is None:
        return State("missing")
    key, hashes = key_of(inputs)
    if report.key != key:
        names = sorted(set(hashes) | set(report.inputs))
        changed = [name for name in names if hashes.get(name) != report.inputs.get(name)]
        return State("stale", f"changed: {', '.join(changed)}", report)
    for name, recorded in report.files.items():
        file = directory / name
        if not file.is_file():
            return State("stale", f"{file} is gone", report)
        if verify and sha256_of(file) != recorded:
            return State("stale", f"{file} is not what was written (sha256 differs)", report)
    return State("done", "", report)


@dataclass(frozen=True)
class Stage:
    """One run of one stage: who it is, what decides its output, and its body.

    body: writes files into the directory it is given and returns metrics, and "device" if it used another than the
    CPU. It may find there what a killed run left.
    config: the part of the configuration that it reads, for the report.
    """

    name: str
    directory: Path
    experiment: str
    inputs: Inputs
    config: dict[str, Any]
    body: Callable[[Path], dict[str, Any]]


def run_stage(stage: Stage, *, force: bool, say: Callable[[str], None] = print) -> Report:
    """Return the stored report if it still holds, else run the body and publish. The experiment's lock must be held."""
    now = state_of(stage.directory, stage.inputs, verify=True)
    if now.report is not None and now.state == "done" and not force:
        say(f"{stage.name}: done before, nothing to do")
        return now.report
    say(f"{stage.name}: " + ("forced" if force else f"{now.state}{f' ({now.why})' if now.why else ''}") + ", running")
    key, hashes = key_of(stage.inputs)
    scratch = _scratch(stage.directory, key, fresh=force)
    started = time.perf_counter()
    try:
        metrics = stage.body(scratch)
    except OSError as error:
        raise UserError(f"{stage.name}: {error.strerror or error}: {error.filename or scratch}") from error
    report = Report(
        stage=stage.name,
        experiment=stage.experiment,
        key=key,
        inputs=hashes,
        config=stage.config,
        versions=_versions(),
        device=metrics.pop("device", "CPU"),
        seconds=round(time.perf_counter() - started, 3),
        peak_rss_gb=round(peak_rss_gb(), 3),
        metrics=metrics,
        files={str(f.relative_to(scratch)): sha256_of(f) for f in _files(scratch)},
    )
    _publish(scratch, stage.directory, report)
    say(f"{stage.name}: finished in {report.seconds:.1f} s")
    return report


def _scratch(directory: Path, key: str, *, fresh: bool) -> Path:
    """The scratch directory beside `directory`; what another key left there is swept away."""
    scratch = directory.with_name(f".{directory.name}.scratch")
    marker = scratch / "key"
    if fresh or not marker.is_file() or marker.read_text(encoding="utf-8") != key:
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True)
        marker.write_text(key, encoding="utf-8")
    for part in scratch.rglob("*.part"):
        part.unlink()
    return scratch


def _files(scratch: Path) -> Iterator[Path]:
    return (f for f in sorted(scratch.rglob("*")) if f.is_file() and f != scratch / "key" and f.name != REPORT)


def _publish(scratch: Path, directory: Path, report: Report) -> None:
    (scratch / REPORT).write_text(json.dumps(asdict(report), indent=1) + "\n", encoding="utf-8")
    (scratch / "key").unlink()
    old = directory.with_name(f".{directory.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if directory.exists():
        directory.rename(old)
    scratch.rename(directory)
    shutil.rmtree(old, ignore_errors=True)


def peak_rss_gb() -> float:
    """The largest resident size of this process so far, in GB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e9 if sys.platform == "darwin" else 1e6)


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version(), "swapdae": __version__}
    for package in PACKAGES[1:]:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "absent"
    return found


@contextmanager
def experiment_lock(directory: Path) -> Iterator[None]:
    """One run at a time per experiment. The kernel frees a dead holder's lock, so it is simply taken over.

    Raises UserError, naming pid and host of the holder, when another run is at work; and where the directory cannot
    be written.
    """
    holder = directory / ".lock.json"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        lock = FileLock(directory / ".lock", timeout=0)
        lock.acquire()
    except Timeout:
        try:
            who = json.loads(holder.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            who = {"pid": "unknown", "host": "unknown"}
        raise UserError(
            f"{directory}: another run is at work here (pid {who['pid']} on {who['host']}); wait for it or end it"
        ) from None
    except OSError as error:
        raise UserError(f"{directory}: cannot be written: {error.strerror}") from None
    try:
        holder.write_text(json.dumps({"pid": os.getpid(), "host": socket.gethostname()}), encoding="utf-8")
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()
