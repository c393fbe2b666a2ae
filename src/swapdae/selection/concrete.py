"""Concrete selectors: k rows of logits over d source columns, relaxed in training, k chosen columns at the end.

`direct`: the logits are the parameters (concrete autoencoder, Balin, Abid and Zou, ICML 2019). `indirect`: they are
psi W + b, psi (k, p), W (p, d), b (d,), all learned (indirectly parameterized concrete autoencoder, ICML 2024).
docs/selection.md gives the formulas, and where this code departs.
"""

import itertools
from collections import Counter
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from swapdae.selection.concrete_training import Parameterization

WIDTH = 8  # a column of more inputs enters the selector as an embedding of this many numbers


@dataclass(frozen=True)
class InputColumns:
    """The source column that each input comes from: all inputs of a column are selected as one.

    of_input: (n_inputs,), 0..n_columns-1.
    """

    of_input: tuple[int, ...]

    @property
    def n_columns(self) -> int:
        return max(self.of_input) + 1

    @property
    def width(self) -> int:
        """Numbers that a selection holds: as many as the widest column has inputs, at most WIDTH."""
        return min(WIDTH, max(Counter(self.of_input).values()))


def temperature(step: int, n_steps: int, first: float, last: float) -> float:
    """Exponential from `first` at step 0 to `last` at step n_steps - 1."""
    return float(first * (last / first) ** (step / max(1, n_steps - 1)))


class ConcreteSelection(nn.Module):
    """k rows of logits over n_columns. d_inner: p of the indirect parameterization."""

    def __init__(self, k: int, n_columns: int, parameterization: Parameterization, d_inner: int) -> None:
        super().__init__()
        self.k = k
        self.direct = parameterization == "direct"
        if self.direct:
            self.rows = nn.Parameter(0.01 * torch.randn(k, n_columns))
        else:
            self.rows = nn.Parameter(torch.randn(k, d_inner))
            self.weight = nn.Parameter(torch.randn(d_inner, n_columns) * (3 * d_inner) ** -0.5)
            self.bias = nn.Parameter(torch.zeros(n_columns))

    def logits(self) -> Tensor:
        """(k, n_columns)"""
        return self.rows if self.direct else torch.addmm(self.bias, self.rows, self.weight)

    def sample(self, logits: Tensor, temperature: float, n_samples: int) -> Tensor:
        """Gumbel-softmax samples, (n_samples, k, n_columns). Each row sums to 1, when cold in one column.

        Gumbel noise is -log(-log(u)): on a CPU four times cheaper than the logarithm of torch's exponential numbers.
        """
        u = torch.rand(n_samples, *logits.shape, device=logits.device).clamp_(1e-20, 1 - 1e-7)
        return ((logits - u.log_().neg_().log_()) / temperature).softmax(dim=2)

    @torch.no_grad()
    def start_at(self, chosen: list[int], margin: float) -> None:
        """Raise the logit of chosen[i] in row i by `margin`; exact for `direct` and for d_inner >= k."""
        bonus = torch.zeros_like(self.logits())
        bonus[torch.arange(len(chosen)), torch.tensor(chosen)] = margin
        if self.direct:
            self.rows.add_(bonus)
        else:
            self.weight.add_(torch.linalg.lstsq(self.rows, bonus).solution)


class ConcreteNetwork(nn.Module):
    """A selector in front of a decoder: linear from the k selected columns to the outputs, plus a perceptron, which
    starts at 0 and so learns what the linear part leaves."""

    column_of_input: Tensor

    def __init__(
        self,
        selection: ConcreteSelection,
        columns: InputColumns,
        d_out: int,
        hidden: tuple[int, ...],
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.selection = selection
        self.width, self.n_columns = columns.width, columns.n_columns
        self.register_buffer("column_of_input", torch.tensor(columns.of_input))
        if self.width > 1:
            self.embedding = nn.Parameter(_embedding(columns))
        d_code = selection.k * self.width
        self.linear = nn.Linear(d_code, d_out)
        layers: list[nn.Module] = []
        for a, b in itertools.pairwise((d_code, *hidden)):
            layers += [nn.Linear(a, b), nn.LayerNorm(b), nn.LeakyReLU(0.2), nn.Dropout(dropout)]
        self.perceptron = None
        if hidden:
            last = nn.Linear(hidden[-1], d_out)
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)
            self.perceptron = nn.Sequential(*layers, last)

    def slots(self, x: Tensor) -> Tensor:
        """(batch, n_inputs) to (batch, n_columns, width): a single input as it is, several by their embedding."""
        if self.width == 1:
            return x[:, :, None]
        spread = x[:, :, None] * self.embedding
        return x.new_zeros(len(x), self.n_columns, self.width).index_add_(1, self.column_of_input, spread)

    def soft(self, x: Tensor, weights: Tensor) -> Tensor:
        """Outputs (batch, d_out) of relaxed selections. weights: (n_samples, k, n_columns), each for an equal part."""
        slots = self.slots(x)
        if len(weights) == 1:
            code = torch.einsum("kc,bcw->bkw", weights[0], slots) if self.width > 1 else x @ weights[0].T
        else:
            parts = slots.view(len(weights), -1, self.n_columns, self.width)
            code = torch.einsum("skc,sbcw->sbkw", weights, parts)
        return self.decode(code.reshape(len(x), -1))

    def hard(self, x: Tensor, chosen: Tensor) -> Tensor:
        """Outputs (batch, d_out) from the chosen columns (k,) alone."""
        return self.decode(self.slots(x)[:, chosen].flatten(1))

    def decoder_parameters(self) -> list[nn.Parameter]:
        return [p for name, p in self.named_parameters() if not name.startswith("selection.")]

    @torch.no_grad()
    def solve_linear(self, x: Tensor, target: Tensor, chosen: Tensor, ridge: float) -> None:
        """Set the linear part to the ridge regression of what the perceptron leaves of target, (n, d_out)."""
        self.eval()
        code = self.slots(x)[:, chosen].flatten(1).double()
        left = target.double() - (0 if self.perceptron is None else self.perceptron(code.float()))
        mean, left_mean = code.mean(dim=0), left.mean(dim=0)
        centred = code - mean
        gram = centred.T @ centred
        gram.diagonal().add_(ridge * gram.diagonal().mean().clamp(min=1e-12))
        weight = torch.linalg.solve(gram, centred.T @ (left - left_mean)).T
        self.linear.weight.copy_(weight)
        self.linear.bias.copy_(left_mean - weight @ mean)

    def decode(self, code: Tensor) -> Tensor:
        output: Tensor = self.linear(code)
        return output if self.perceptron is None else output + self.perceptron(code)


def _embedding(columns: InputColumns) -> Tensor:
    """(n_inputs, width): the identity for a column of at most `width` inputs, random for a wider one."""
    embedding = torch.zeros(len(columns.of_input), columns.width)
    size, seen = Counter(columns.of_input), [0] * columns.n_columns
    for i, column in enumerate(columns.of_input):
        if size[column] <= columns.width:
            embedding[i, seen[column]] = 1
        else:
            embedding[i] = torch.randn(columns.width)
        seen[column] += 1
    return embedding


def overlap(probabilities: Tensor) -> Tensor:
    """How much probability lies on columns beyond their first selection: 0 if none is claimed more than once.

    probabilities: (k, n_columns), rows sum to 1.
    """
    return F.relu(probabilities.sum(dim=0) - 1).sum()


def unique_selections(logits: Tensor) -> tuple[list[int], int]:
    """k distinct columns and how many were distinct before: a row that lost its favourite takes its next best unused.

    The row that is surest of a column keeps it. logits: (k, n_columns); raises ValueError where k > n_columns.
    """
    k, n_columns = logits.shape
    if k > n_columns:
        raise ValueError(f"{k} columns cannot be chosen of {n_columns}")
    probabilities = logits.double().softmax(dim=1)
    best, favourite = probabilities.max(dim=1)
    chosen = [-1] * k
    for row in best.argsort(descending=True).tolist():
        if int(favourite[row]) not in chosen:
            chosen[row] = int(favourite[row])
    for row in range(k):
        if chosen[row] < 0:
            left = logits[row].clone()
            left[[column for column in chosen if column >= 0]] = -torch.inf
            chosen[row] = int(left.argmax())
    return chosen, len(set(favourite.tolist()))
