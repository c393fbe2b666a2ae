"""The stages of one run: which of their results still hold, and how they are made, each once.

If a stage's directory exists with the key that it would have now, and the recorded sha256 of every file still holds,
nothing is done. Otherwise its body runs in a scratch directory, see pipeline/publish.py.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from swapdae.base.errors import UserError
from swapdae.base.files import sha256_of
from swapdae.base.memory import peak_rss_gb
from swapdae.experiment.stage_report import StageReport, State, digest, read_report
from swapdae.pipeline.publish import Scratch, open_scratch, publish, recover
from swapdae.pipeline.sources import drift, sources_of, versions_of
from swapdae.pipeline.stage import Stage


@dataclass(frozen=True)
class Plan:
    """folder: oof/<experiment>, where each stage has the directory of its name, unless it says another folder. stages:
    by name, each after those that it reads."""

    folder: Path
    stages: Mapping[str, Stage]

    def needed_for(self, names: Iterable[str]) -> "Plan":
        """The part of the plan that makes `names`: these stages and all that they read, directly or not."""
        wanted = set(names)
        for name in reversed(list(self.stages)):
            if name in wanted:
                wanted |= set(self.stages[name].reads)
        return Plan(self.folder, {name: stage for name, stage in self.stages.items() if name in wanted})

    def states(self, *, verify: bool = False) -> dict[str, State]:
        """Of every stage. verify: read and hash the files too."""
        states: dict[str, State] = {}
        for name, stage in self.stages.items():
            states[name] = self._state(stage, {read: states[read] for read in stage.reads}, verify=verify)
        return states

    def make(
        self,
        names: Iterable[str],
        *,
        force: bool = False,
        strict: bool = False,
        say: Callable[[str], None] = print,
    ) -> dict[str, StageReport]:
        """Make the stages called `names`, and before them whatever they read that is stale or missing; their reports.

        The experiment's lock must be held. force: remake those named. strict: remake what other code or library
        versions have made.
        """
        named, states = set(names), dict[str, State]()
        for name, stage in self.needed_for(named).stages.items():
            recover(self._directory(stage))
            stage.prepare()
            upstream = {read: states[read] for read in stage.reads}
            now = self._state(stage, upstream, verify=True)
            forced = force and stage.forced and name in named
            if now.state == "done" and not forced and not (strict and now.drift):
                say(f"{name}: {now}, nothing to do")
                states[name] = now
            else:
                say(f"{name}: {'forced' if forced else now}, running")
                reports = [state.report for state in upstream.values() if state.report is not None]
                report = self._run(stage, reports, fresh=forced or bool(now.drift))
                say(f"{name}: finished in {report.seconds:.1f} s")
                states[name] = State("done", "", report)
            stage.finish()
        return {name: state.report for name, state in states.items() if state.report is not None}

    def _directory(self, stage: Stage) -> Path:
        return (stage.folder or self.folder) / stage.name

    def _state(self, stage: Stage, upstream: Mapping[str, State], *, verify: bool) -> State:
        """Whether the stage's directory holds what it would make now. upstream: states of the stages in `reads`."""
        directory = self._directory(stage)
        report = read_report(directory)
        if report is None:
            return State("missing")
        if late := [name for name, state in upstream.items() if state.state != "done"]:
            return State("stale", f"{late[0]} is {upstream[late[0]].state}", report)
        inputs = stage.inputs([state.report for state in upstream.values() if state.report is not None])
        if report.key != digest(inputs):
            names = sorted(set(inputs) | set(report.inputs))
            changed = [name for name in names if inputs.get(name) != report.inputs.get(name)]
            return State("stale", f"changed: {', '.join(changed)}", report)
        for name, recorded in report.files.items():
            file = directory / name
            if not file.is_file():
                return State("stale", f"{file} is gone", report)
            if verify and sha256_of(file) != recorded:
                return State("stale", f"{file} is not what was written (sha256 differs)", report)
        return State("done", "", report, drift(report, stage.kind, stage.code))

    def _run(self, stage: Stage, upstream: Sequence[StageReport], *, fresh: bool) -> StageReport:
        directory, inputs, started = self._directory(stage), stage.inputs(upstream), time.perf_counter()
        try:
            scratch = open_scratch(directory, stage.key_without_effort(inputs), fresh=fresh)
            if stage.effort and not fresh:
                _go_on_from(stage, directory, scratch)
            metrics = stage.body(scratch)
            report = StageReport(
                stage=stage.name,
                experiment=self.folder.name,
                key=digest(inputs),
                inputs=inputs,
                config={**stage.config, **stage.effort},
                sources=sources_of(stage.kind, stage.code),
                versions=versions_of(stage.kind, stage.code),
                device=metrics.pop("device", "CPU"),
                seconds=round(time.perf_counter() - started, 3),
                peak_rss_gb=round(peak_rss_gb(), 3),
                metrics=metrics,
                files=scratch.hashes(),
            )
            publish(directory, scratch, report)
        except OSError as error:
            where = error.filename or directory
            raise UserError(f"{stage.name}: {error.strerror or error}: {where}; mend that and run again") from error
        return report


def _go_on_from(stage: Stage, directory: Path, scratch: Scratch) -> None:
    """Give the body what less effort has left, where nothing else differs and no killed run left more."""
    before = read_report(directory)
    if before is None or stage.key_without_effort(before.inputs) != scratch.key:
        return
    if all(sha256_of(directory / name) == recorded for name, recorded in before.files.items()):
        scratch.fill(directory, before.files)
