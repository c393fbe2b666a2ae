"""The stages: thin, and meeting only in files. Each module has NAME, stages(run) and main(run)."""

from swapdae.pipeline.stages import activations, blend, dae, download, heads, score, select, tune

# In order. submit and report stand apart: one talks to the world, the other tells of what the others have left.
STAGES = [download, dae, select, activations, tune, heads, blend, score]
