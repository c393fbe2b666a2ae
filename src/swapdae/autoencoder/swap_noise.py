"""Swap noise: cells take their value from other rows of the batch; what really changed is the corruption mask."""

from dataclasses import dataclass

import torch
from torch import Tensor

from swapdae.autoencoder.config import NoiseConfig
from swapdae.encoding.encoder import Codes, Layout


@dataclass(frozen=True)
class Rows:
    """Encoded rows on the device: x_cat (n, c) codes, x_bin (n, n_indicators) bools, x_num (n, n_numbers) floats."""

    x_cat: Tensor
    x_bin: Tensor
    x_num: Tensor

    @staticmethod
    def of(codes: Codes, device: torch.device) -> "Rows":
        return Rows(
            torch.from_numpy(codes.x_cat).to(device),
            torch.from_numpy(codes.missing).to(device),
            torch.from_numpy(codes.x_num).to(device),
        )

    def __len__(self) -> int:
        return len(self.x_num)

    def __getitem__(self, rows: Tensor | slice) -> "Rows":
        return Rows(self.x_cat[rows], self.x_bin[rows], self.x_num[rows])


class Inputs:
    """From codes to the network's input columns, (batch, n_inputs): one-hot blocks, indicators, numbers."""

    def __init__(self, layout: Layout, device: torch.device) -> None:
        self.layout = layout
        sizes = torch.tensor((0, *layout.n_levels), device=device)
        # Code 0 (unknown) has no column: it is sent to one spare column past the blocks, which is cut off.
        self._offset = (sizes.cumsum(0)[:-1] - 1).to(torch.int64)
        self._n_one_hot = sum(layout.n_levels)

    def __call__(self, rows: Rows) -> Tensor:
        batch = len(rows)
        one_hot = torch.zeros(batch, self._n_one_hot + 1, device=rows.x_num.device)
        codes = rows.x_cat.to(torch.int64)
        one_hot.scatter_(1, torch.where(codes > 0, codes + self._offset, self._n_one_hot), 1.0)
        return torch.cat([one_hot[:, : self._n_one_hot], rows.x_bin.to(torch.float32), rows.x_num], dim=1)


class SwapNoise:
    """Corrupts a batch. noise(rows) -> clean inputs, corrupted inputs, corruption mask, each (batch, n_inputs).

    The mask marks input columns whose value really changed, which is rarer than being asked to swap: a donor may hold
    the same value. With per = "column" a source column moves as one: a category's whole one-hot block, a number and
    its missing-value indicator. With per = "one_hot" every input column is swapped by itself, as published.
    """

    def __init__(self, config: NoiseConfig, layout: Layout, device: torch.device, generator: torch.Generator) -> None:
        self._config = config
        self._inputs = Inputs(layout, device)
        self.generator = generator
        self._device = device
        source = (*layout.categorical, *layout.indicators, *layout.numbers)
        rates = [self._rate(name, j < len(layout.categorical)) for j, name in enumerate(source)]
        if config.per == "column":
            # Cells that swap together share one draw: an indicator's draw is its number's.
            draws = {name: d for d, name in enumerate(dict.fromkeys(source))}
            self._draw = torch.tensor([draws[name] for name in source], device=device, dtype=torch.int64)
            rates = [rates[source.index(name)] for name in draws]
        else:
            widths = (*layout.n_levels, *(1 for _ in range(layout.n_indicators + layout.n_numbers)))
            rates = [rate for rate, width in zip(rates, widths, strict=True) for _ in range(width)]
        self._rates = torch.tensor(rates, device=device)
        self._c, self._i = len(layout.categorical), layout.n_indicators

    def _rate(self, name: str, categorical: bool) -> float:
        default = self._config.categorical if categorical else self._config.numerical
        return self._config.columns.get(name, default)

    def __call__(self, rows: Rows) -> tuple[Tensor, Tensor, Tensor]:
        clean = self._inputs(rows)
        batch, n_draws = len(rows), len(self._rates)
        swap = torch.rand(batch, n_draws, device=self._device, generator=self.generator) < self._rates
        if self._config.donor == "row":
            donor = torch.randperm(batch, device=self._device, generator=self.generator)[:, None]
            donor = donor.expand(batch, n_draws)
        else:
            donor = torch.randint(batch, (batch, n_draws), device=self._device, generator=self.generator)
        if self._config.per == "one_hot":
            corrupted = torch.where(swap, clean.gather(0, donor), clean)
        else:
            corrupted = self._inputs(self._swapped(rows, swap[:, self._draw], donor[:, self._draw]))
        return clean, corrupted, corrupted != clean

    def _swapped(self, rows: Rows, swap: Tensor, donor: Tensor) -> Rows:
        c, i = self._c, self._i

        def take(x: Tensor, columns: slice) -> Tensor:
            return torch.where(swap[:, columns], x.gather(0, donor[:, columns]), x)

        return Rows(
            take(rows.x_cat, slice(0, c)),
            take(rows.x_bin, slice(c, c + i)),
            take(rows.x_num, slice(c + i, None)),
        )
