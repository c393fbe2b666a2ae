"""Swap-noise denoising autoencoders for tabular competitions."""

__version__ = "0.1.0"
