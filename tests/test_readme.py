"""README's tables and map are those of the code."""

from pathlib import Path

import pytest

from swapdae.pipeline.stages import KINDS
from test_architecture import PACKAGE, ROOMS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def table_after(head: str) -> list[list[str]]:
    """Rows of the Markdown table under a header row, as cells."""
    lines = README[README.index(head) :].splitlines()[2:]
    rows = lines[: next(i for i, line in enumerate(lines) if not line.startswith("|"))]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def test_stage_table_is_the_list_of_stages() -> None:
    expected = [[f"`swapdae {kind.command} X`", kind.does, f"`{kind.writes}`"] for kind in KINDS]
    assert table_after("| stage | does | writes |") == expected


def test_map_names_every_room_in_the_order_of_imports() -> None:
    block = README[README.index("## Map of the code") :].split("```")[1]
    rooms = [line.split()[0] for line in block.strip().splitlines()]
    assert [room.strip("/").removesuffix(".py") for room in rooms] == [room for room in ROOMS if room != "__main__"]


def test_every_registry_that_is_named_is_there() -> None:
    for row in table_after("| what | file | line |"):
        if "`" in row[2]:
            registry, file = row[2].split("`")[1::2][:2]
            assert f"\n{registry}: " in (PACKAGE / file).read_text(encoding="utf-8"), row


@pytest.mark.parametrize("word", ["told by the others", "nn/", "stage_inputs", "raw+dae"])
def test_words_that_are_gone_stay_gone(word: str) -> None:
    assert word not in README
