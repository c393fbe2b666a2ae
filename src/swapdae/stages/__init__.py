"""The stages: thin, and meeting only in files. Each module has NAME, stages(run) and main(run)."""

from swapdae.stages import activations, blend, dae, download, heads, report, score, tune

STAGES = [
    download,
    dae,
    activations,
    tune,
    heads,
    blend,
    score,
    report,
]  # in order; submit stands apart: it talks to the world
