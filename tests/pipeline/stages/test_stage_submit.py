from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from pipeline_case import make
from swapdae.base.errors import UserError
from swapdae.base.files import sha256_of
from swapdae.competition.config import Competition
from swapdae.competition.hosts.interface import Score
from swapdae.pipeline.run import Run
from swapdae.pipeline.stages import submit


class Host:
    """Takes submissions and remembers them."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, str]] = []

    def fetch(self, competition: Competition, directory: Path, names: Sequence[str]) -> None:
        raise AssertionError("nothing is missing")

    def submit(self, competition: Competition, csv: Path, message: str, journal: Path) -> Score:
        self.taken.append((csv.read_text(), message))
        return Score(0.5, None, "7")

    def score(self, competition: Competition, submission: pd.DataFrame, directory: Path) -> Score:
        return Score(None, None)


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Host:
    host = Host()
    monkeypatch.setattr(submit, "host_of", lambda competition: host)
    return host


def test_submits_once_and_logs(run: Run, host: Host) -> None:
    make(run)
    (report,) = make(run, "submit")
    make(run, "submit")
    ((csv, message),) = host.taken
    assert csv == run.paths.submission("tiny").read_text()
    assert message == f"swapdae tiny {sha256_of(run.paths.submission('tiny'))[:16]}"
    assert report.metrics["public"] == 0.5 and report.metrics["private"] is None
    header, rule, line = run.paths.submission_log.read_text().splitlines()
    assert header.count("|") == rule.count("|") == line.count("|")
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    cv = run.report("blend").metrics["cross_fitted"]
    assert cells[1:] == ["tiny", f"{cv:.5f}", "0.50000", "-", "-", "7"]  # the tree is no git checkout
    make(replace(run, force=True), "submit")
    again = host.taken[1][1]
    assert again.startswith(f"{message} again, "), "another name, else the host would take it for the first one"


def test_nothing_blended_nothing_submitted(run: Run, host: Host) -> None:
    with pytest.raises(UserError, match="download is missing: `swapdae run tiny` before"):
        make(run, "submit")
    assert not host.taken


def test_csv_changed_by_hand_is_checked_before_it_leaves(run: Run, host: Host) -> None:
    make(run)
    csv = run.paths.submission("tiny")
    lines = csv.read_text().splitlines()
    csv.write_text("\n".join([lines[0], lines[2], lines[1], *lines[3:]]) + "\n")
    with pytest.raises(UserError, match="is not the CSV that the blend made; `swapdae blend tiny` puts that back"):
        make(run, "submit")
    assert not host.taken
