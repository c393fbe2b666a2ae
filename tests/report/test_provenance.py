from swapdae.report.page import Section


def test_stages_say_by_which_code_they_were_made(sections: dict[str, Section]) -> None:
    states = {row[0]: row[1] for row in sections["Provenance"].grids[0].rows}
    assert states["dae"] == "done, by other code (autoencoder/step.py)"
    assert states["heads/mlp_dae"] == "stale (changed: dae)"
    assert states["submit"] == "missing" and states["blend"] == "done"


def test_versions_name_their_stages_where_they_differ(sections: dict[str, Section]) -> None:
    assert sections["Provenance"].grids[1].rows == (
        ("python", "3.12", "-"),
        ("torch", "2.13", "dae"),
        ("torch", "2.14", "activations"),
    )
