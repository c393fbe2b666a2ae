"""What counts as other code, and what does not."""

from pathlib import Path

import pytest

from swapdae.pipeline import sources
from swapdae.pipeline.sources import sources_of, versions_of


def test_a_stages_sources_are_its_own_module_and_what_its_code_imports() -> None:
    found = sources_of("dae", ("autoencoder.fit",))
    assert {"pipeline/stages/dae.py", "autoencoder/step.py", "autoencoder/swap_noise.py"} <= set(found)
    assert "autoencoder/block.cpp" in found, "compiled code counts too"
    assert not [name for name in found if name.startswith(("heads/", "report/", "pipeline/run"))]
    assert {"report/worth.py", "report/page.html"} <= set(sources_of("report", ("report.sections", "report.page")))
    assert set(versions_of("dae", ("autoencoder.fit",))) >= {"python", "torch", "numpy"}
    assert "lightgbm" not in versions_of("heads", ("heads.ridge",))
    assert "lightgbm" in versions_of("heads", ("heads.lightgbm",))


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ('"""Another docstring."""\n\ndef f(x):\n    """Doc."""\n    return  x + 1  # why\n', True),
        ("def f(x):\n    return x + 2\n", False),
        ("def f(x, y=0):\n    return x + 1\n", False),
        ("def f(x):\n    return x - 1\n", False),
        ("def g(x):\n    return x + 1\n", False),
    ],
)
def test_comments_docstrings_and_layout_are_no_other_code(tmp_path: Path, text: str, same: bool) -> None:
    (tmp_path / "a.py").write_text("def f(x):\n    return x + 1\n")
    (tmp_path / "b.py").write_text(text)
    assert (sources._hash(tmp_path / "a.py") == sources._hash(tmp_path / "b.py")) == same
