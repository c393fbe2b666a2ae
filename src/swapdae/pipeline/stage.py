"""A stage: what decides its output, and its body.

A stage's key is the hash of everything that decides its output: its revision, the part of the configuration that it
reads, its input files, and the keys and file hashes that the reports of the stages before it hold. So a key tells what
was read, not what the configuration would make.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from swapdae.experiment.stage_report import StageReport, digest
from swapdae.pipeline.publish import Scratch
from swapdae.pipeline.revisions import REVISIONS

Values = Mapping[str, Any]  # JSON values by a name that `status` can show


def _nothing() -> None:
    pass


def _no_files() -> dict[str, str]:
    return {}


def _key_and_files(report: StageReport) -> Any:
    return [report.key, report.files]


@dataclass(frozen=True)
class Stage:
    """One stage of one run; a head's part of the stage `heads` is one, called heads/<head>.

    body: writes files into scratch.out and returns metrics, and "device" if it used another than the CPU. It may find
    in scratch what a killed run left.
    reads: names of the stages whose reports and files it reads. config: what of the configuration decides its output.
    effort: the same, but more of it goes on from what less has left, such as trials. files: sha256 of input files, by
    name. code: modules that compute its numbers, as "autoencoder.fit"; what they import counts too.
    prepare: called first of all; may bring the input files. finish: called once the stage is done, also where it was
    before; puts things where people look. forced: whether --force remakes it. counts: what of a report of the stages in
    `reads` decides its output. folder: where its directory lies, if not in that of its experiment.
    """

    name: str
    body: Callable[[Scratch], dict[str, Any]]
    reads: tuple[str, ...] = ()
    config: Values = field(default_factory=dict)
    effort: Values = field(default_factory=dict)
    files: Callable[[], dict[str, str]] = _no_files
    code: tuple[str, ...] = ()
    prepare: Callable[[], None] = _nothing
    finish: Callable[[], None] = _nothing
    forced: bool = True
    counts: Callable[[StageReport], Any] = _key_and_files
    folder: Path | None = None

    @property
    def kind(self) -> str:
        return self.name.partition("/")[0]

    def inputs(self, upstream: Sequence[StageReport]) -> dict[str, str]:
        """A hash of each thing that decides the output, by name. upstream: reports of the stages in `reads`."""
        values: dict[str, Any] = {"revision": REVISIONS[self.kind][-1].number, **self.config, **self.effort}
        values |= {report.stage: self.counts(report) for report in upstream}
        return {name: digest(value) for name, value in {**values, **self.files()}.items()}

    def key_without_effort(self, inputs: Mapping[str, str]) -> str:
        """What scratch directories go by: a result of less effort is gone on from."""
        return digest({name: value for name, value in inputs.items() if name not in self.effort})
