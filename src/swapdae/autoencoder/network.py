"""The denoising autoencoder: a body, see bodies/, a mask head, a reconstruction head, the loss.

Heads and loss are those of the winning network of Tabular Playground Series Feb 2021; docs/method.md has the formulas.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from swapdae.autoencoder.config import DaeConfig, LossConfig
from swapdae.autoencoder.layers.embedding import Embedding
from swapdae.encoding.encoder import Layout


class Output(NamedTuple):
    """Of one batch: the body's outputs by block, mask logits and reconstruction, both (batch, n_inputs)."""

    blocks: list[Tensor]
    mask_logits: Tensor | None  # None where loss.mask is 0
    reconstruction: Tensor


class Autoencoder(nn.Module):
    """Body, mask head (unless its loss weighs nothing), and a reconstruction head that also sees the predicted mask."""

    def __init__(self, layout: Layout, config: DaeConfig) -> None:
        super().__init__()
        n_inputs = layout.n_inputs
        self.layout = layout
        embedding = config.embedding if layout.n_numbers else None
        self.embedding = None if embedding is None else Embedding(layout, embedding)
        d_in = n_inputs if self.embedding is None else self.embedding.d_out
        self.body = config.body.network(d_in, compiled=config.training.compile)
        n_mask = n_inputs if config.loss.mask else 0
        self.mask_head = nn.Linear(self.body.d_last, n_inputs) if n_mask else None
        self.reconstruction_head = nn.Linear(self.body.d_last + n_mask, n_inputs)

    @property
    def d_features(self) -> int:
        return self.body.d_features

    def forward(self, x: Tensor) -> Output:
        blocks: list[Tensor] = self.body(self.embed(x))
        last = blocks[-1]
        if self.mask_head is None:
            return Output(blocks, None, self.reconstruction_head(last))
        mask_logits = self.mask_head(last)
        reconstruction = self.reconstruction_head(torch.cat([last, mask_logits.to(last.dtype)], dim=1))
        return Output(blocks, mask_logits, reconstruction)

    def features(self, x: Tensor) -> Tensor:
        """(batch, d_features): the body's outputs side by side."""
        return torch.cat(self.body(self.embed(x)), dim=1)

    def embed(self, x: Tensor) -> Tensor:
        """What the body reads of the inputs (batch, n_inputs)."""
        return x if self.embedding is None else self.embedding(x)


def autoencoder_loss(output: Output, clean: Tensor, mask: Tensor, layout: Layout, config: LossConfig) -> Tensor:
    """Emphasised reconstruction plus the mask's loss. clean, mask: (batch, n_inputs), the mask True where corrupted."""
    reconstruct = _by_cell if config.categories == "binary" else _by_column
    loss = reconstruct(output.reconstruction.float(), clean, mask, layout, config.emphasis)
    if output.mask_logits is None:
        return loss
    return loss + config.mask * F.binary_cross_entropy_with_logits(output.mask_logits.float(), mask.float())


def _by_cell(reconstruction: Tensor, clean: Tensor, mask: Tensor, layout: Layout, emphasis: float) -> Tensor:
    """As published: binary cross-entropy on 0/1 columns, squared error on numbers. The two kinds are weighed by their
    number of source columns: (10/24) and (14/24) for 10 categorical and 14 numerical ones."""
    n_binary = layout.n_binary
    weight = torch.where(mask, emphasis, 1 - emphasis)
    n_cat = len(layout.categorical) + layout.n_indicators
    share = n_cat / (n_cat + layout.n_numbers)
    loss = reconstruction.new_zeros(())
    if n_binary:
        entropy = F.binary_cross_entropy_with_logits(
            reconstruction[:, :n_binary], clean[:, :n_binary], weight=weight[:, :n_binary]
        )
        loss = loss + share * entropy
    if layout.n_numbers:
        error = (reconstruction[:, n_binary:] - clean[:, n_binary:]).square()
        loss = loss + (1 - share) * (weight[:, n_binary:] * error).mean()
    return loss


def _by_column(reconstruction: Tensor, clean: Tensor, mask: Tensor, layout: Layout, emphasis: float) -> Tensor:
    """Every source column weighs the same: cross-entropy over a category's levels, in units of a blind guess among
    them; squared error of a number, in units of its variance. A level that the encoder has not seen costs nothing."""
    losses, start = [], 0
    for n_levels in layout.n_levels:
        block = slice(start, start + n_levels)
        weight = torch.where(mask[:, block].any(dim=1), emphasis, 1 - emphasis)
        entropy = -(clean[:, block] * reconstruction[:, block].log_softmax(dim=1)).sum(dim=1)
        losses.append((weight * entropy).mean() / math.log(max(2, n_levels)))
        start += n_levels
    weight = torch.where(mask[:, start:], emphasis, 1 - emphasis)
    n = layout.n_indicators
    guess, true = (x[:, start : layout.n_binary] for x in (reconstruction, clean))
    entropy = F.binary_cross_entropy_with_logits(guess, true, reduction="none")
    losses.extend((weight[:, :n] * entropy).mean(dim=0) / math.log(2))
    error = (reconstruction[:, layout.n_binary :] - clean[:, layout.n_binary :]).square()
    losses.extend((weight[:, n:] * error).mean(dim=0))
    return torch.stack(losses).mean()
