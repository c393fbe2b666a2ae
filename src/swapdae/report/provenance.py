"""The section on provenance: how, where and by which code every stage was made."""

import json

from swapdae.report.page import NONE, Details, Grid, Section, text_of
from swapdae.report.stage_results import StageResults


def section(found: StageResults) -> Section:
    """Stages with state, device, time, memory and key; versions; configuration."""
    rows = []
    for name, state in found.states.items():
        if (report := state.report) is None:
            rows.append((name, str(state), *[NONE] * 4))
        else:
            figures = (text_of(report.seconds, 1), text_of(report.peak_rss_gb, 2))
            rows.append((name, str(state), *figures, report.device, report.key))
    head = ("stage", "state", "seconds", "peak memory (GB)", "device", "key")
    note = "Memory is the most that the process had used when the stage ended."
    grids = [Grid("Stages", head, tuple(rows), note), *_versions(found)]
    seconds = [state.report.seconds for state in found.states.values() if state.report is not None]
    text = (f"{sum(seconds):,.0f} s in all stages together.",) if seconds else ()
    config = {
        "experiment": found.experiment.model_dump(mode="json"),
        "competition": found.competition.model_dump(mode="json"),
    }
    details = Details("Configuration, defaults included", json.dumps(config, indent=1))
    return Section("Provenance", text, tuple(grids), details=(details,))


def _versions(found: StageResults) -> list[Grid]:
    """Every library's version; where stages were made with different ones, which stages had which."""
    stages: dict[str, dict[str, list[str]]] = {}
    for name, state in found.states.items():
        for library, version in (state.report.versions if state.report is not None else {}).items():
            stages.setdefault(library, {}).setdefault(version, []).append(name)
    rows = [
        (library, version, NONE if len(versions) == 1 else ", ".join(names))
        for library, versions in stages.items()
        for version, names in versions.items()
    ]
    return [Grid("Versions", ("library", "version", "stages"), tuple(rows))] if rows else []
