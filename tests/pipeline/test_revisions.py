"""When numbers change, the revision must: else a result made by other code would pass as current."""

import json
from typing import Any

import pytest

import golden
from swapdae.pipeline.revisions import REVISIONS
from swapdae.pipeline.stages import KINDS

WITHOUT_NUMBERS = {"models", "score", "submit", "report"}  # copies, a host's answer, a page
# A network's rounding grows from step to step, a penalty may be the next of the grid; the rest agrees to a thousandth.
# A network's rounding grows from step to step, a penalty may be the next of the grid; the rest agrees to a thousandth.
LOOSE = {"mlp": 0.02, "penalty": 1.0}
RECORDED: dict[str, dict[str, Any]] = json.loads(golden.FILE.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, float]]:
    return golden.figures(tmp_path_factory.mktemp("golden"))


def test_every_stage_has_revisions_with_reasons_and_figures() -> None:
    assert set(REVISIONS) == {kind.name for kind in KINDS}
    assert set(RECORDED) == set(REVISIONS) - WITHOUT_NUMBERS
    for name, revisions in REVISIONS.items():
        assert [revision.number for revision in revisions] == list(range(1, len(revisions) + 1)), name
        assert all(revision.reason for revision in revisions), name


@pytest.mark.parametrize("stage", sorted(RECORDED))
def test_numbers_change_only_with_the_revision(stage: str, found: dict[str, dict[str, float]]) -> None:
    recorded, revision = RECORDED[stage], REVISIONS[stage][-1].number
    if recorded["revision"] != revision:
        pytest.fail(f"{stage} has revision {revision}: record its figures, `python tests/golden.py`")
    advice = (
        f"{stage} computes other numbers: raise its revision in pipeline/revisions.py, then `python tests/golden.py`"
    )
    assert found[stage].keys() == recorded["figures"].keys()
    for name, value in recorded["figures"].items():
        assert found[stage][name] == pytest.approx(value, rel=LOOSE.get(name, 1e-3)), f"{advice} ({name})"
