"""The baseline: the published autoencoder as one would write it from its description, in plain PyTorch.

nn.MultiheadAttention, float32, one-hot floats in a numpy array behind a DataLoader, a copy to the device per batch,
swap noise drawn per batch, Adam. Network, noise and loss are the published ones; the deep stack is the plain network.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

from swapdae.autoencoder.config import DaeConfig
from swapdae.encoding.encoder import Codes, Layout


class OneHotRows(Dataset[NDArray[np.float32]]):
    """Row by row, as a DataLoader asks for them."""

    def __init__(self, x: NDArray[np.float32]) -> None:
        self.x = x

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, row: int) -> NDArray[np.float32]:
        found: NDArray[np.float32] = self.x[row]
        return found


class EncoderBlock(nn.Module):
    """Attention, residual, norm; feed-forward, residual, norm: on (tokens, batch, d)."""

    def __init__(self, d: int, n_heads: int, d_feedforward: int) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(d, n_heads)
        self.linear1, self.linear2 = nn.Linear(d, d_feedforward), nn.Linear(d_feedforward, d)
        self.norm1, self.norm2 = nn.LayerNorm(d), nn.LayerNorm(d)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm1(x + self.attention(x, x, x)[0])
        y: Tensor = self.norm2(x + self.linear2(F.relu(self.linear1(x))))
        return y


class TransformerEncoder(nn.Module):
    """(batch, n_inputs) -> the outputs of every block, each (batch, n_subspaces * d)."""

    def __init__(self, n_inputs: int) -> None:
        super().__init__()
        self.excite = nn.Linear(n_inputs, 1024)
        self.blocks = nn.ModuleList(EncoderBlock(128, 8, 512) for _ in range(3))

    def forward(self, x: Tensor) -> list[Tensor]:
        tokens = F.relu(self.excite(x)).reshape(len(x), 8, 128).permute(1, 0, 2)
        outputs = []
        for block in self.blocks:
            tokens = block(tokens)
            outputs.append(tokens.permute(1, 0, 2).reshape(len(x), -1))
        return outputs


class DeepStack(nn.Module):
    def __init__(self, n_inputs: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(d, 1536) for d in (n_inputs, 1536, 1536))

    def forward(self, x: Tensor) -> list[Tensor]:
        outputs = []
        for layer in self.layers:
            x = F.relu(layer(x))
            outputs.append(x)
        return outputs


class Textbook(nn.Module):
    """Encoder and both heads, its loader, its noise and its step."""

    def __init__(self, codes: Codes, layout: Layout, config: DaeConfig, seed: int) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.layout, self.config = layout, config
        stack = config.body.kind == "stack"
        width = 1536 if stack else 1024
        self.encoder: nn.Module = DeepStack(layout.n_inputs) if stack else TransformerEncoder(layout.n_inputs)
        self.mask_head = nn.Linear(width, layout.n_inputs)
        self.reconstruction_head = nn.Linear(width + layout.n_inputs, layout.n_inputs)
        self.rows = OneHotRows(codes.one_hot(layout))
        batch_size = min(config.training.batch_size, len(codes))
        self.loader = DataLoader(self.rows, batch_size=batch_size, shuffle=True, drop_last=True)
        rates = [config.noise.columns.get(name, config.noise.categorical) for name in layout.categorical]
        self.rates = torch.tensor(rates + [config.noise.numerical] * layout.n_numbers).repeat_interleave(
            torch.tensor([*layout.n_levels, *[1] * layout.n_numbers])
        )
        self.optimizer = torch.optim.Adam(self.parameters(), lr=config.training.learning_rate)

    def epochs(self) -> Iterator[Tensor]:
        """Batches, on the device, without end."""
        while True:
            yield from (batch.to(torch.device("cpu")) for batch in self.loader)

    def step(self, clean: Tensor) -> float:
        """Noise, forward, backward, update; the loss."""
        swap = torch.bernoulli(self.rates.expand(clean.shape))
        corrupted = torch.where(swap == 1, clean[torch.randperm(len(clean))], clean)
        mask = (corrupted != clean).float()
        last = self.encoder(corrupted)[-1]
        mask_logits = self.mask_head(last)
        loss = self.loss(mask_logits, self.reconstruction_head(torch.cat([last, mask_logits], 1)), clean, mask)
        self.optimizer.zero_grad()
        torch.autograd.backward(loss)
        self.optimizer.step()
        return loss.item()

    def loss(self, mask_logits: Tensor, guess: Tensor, clean: Tensor, mask: Tensor) -> Tensor:
        weight = 0.75 * mask + 0.25 * (1 - mask)
        n, c = self.layout.n_binary, len(self.layout.categorical)
        share = c / (c + self.layout.n_numbers)
        binary = (weight * F.binary_cross_entropy_with_logits(guess, clean, reduction="none"))[:, :n].mean()
        numbers = (weight * F.mse_loss(guess, clean, reduction="none"))[:, n:].mean()
        return share * binary + (1 - share) * numbers + 2 * F.binary_cross_entropy_with_logits(mask_logits, mask)

    def features(self) -> Any:
        """Blocks of (rows, d_features) float32 arrays, in order."""
        with torch.no_grad():
            for batch in DataLoader(self.rows, batch_size=self.config.training.batch_size):
                yield torch.cat(self.encoder(batch.to(torch.device("cpu"))), dim=1).cpu().numpy()
