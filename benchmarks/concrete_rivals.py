"""The rivals of concrete.py: textbook training with a Gumbel sample per row, PCA, sequential attention, LassoNet,
stochastic gates, GFSNetwork."""

import collections
import collections.abc
import itertools
import time
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from torch import nn
from torch.nn import functional as F

Array = NDArray[Any]


def textbook(x: Array, x_test: Array, k: int, *, epochs: int, batch: int, seed: int) -> tuple[float, float]:
    """Indirect parameterization as published: p = d, a sample per row. Returns test error and seconds of training."""
    torch.manual_seed(seed)
    rows, d = torch.as_tensor(x, dtype=torch.float32), x.shape[1]
    inner = nn.Linear(d, d)
    psi = nn.Parameter(torch.randn(k, d))
    decoder = nn.Sequential(nn.Linear(k, 200), nn.LayerNorm(200), nn.LeakyReLU(0.2), nn.Linear(200, d))
    optimizer = torch.optim.Adam([psi, *inner.parameters(), *decoder.parameters()], lr=1e-3)
    n_batches = -(-len(rows) // batch)
    started = time.perf_counter()
    for step, (_, i) in enumerate(itertools.product(range(epochs), range(n_batches))):
        if i == 0:
            order = torch.randperm(len(rows))
        part = rows[order[i * batch : (i + 1) * batch]]
        heat = 10 * 0.001 ** (step / (epochs * n_batches))
        gumbel = -torch.empty(len(part), k, d).exponential_().log()
        weights = ((inner(psi) + gumbel) / heat).softmax(dim=2)
        loss = F.mse_loss(decoder((weights @ part[:, :, None])[:, :, 0]), part)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
    seconds = time.perf_counter() - started
    with torch.no_grad():
        held = torch.as_tensor(x_test, dtype=torch.float32)
        return float(F.mse_loss(decoder.eval()(held[:, inner(psi).argmax(dim=1)]), held)), seconds


def principal(x: Array, k: int, seed: int) -> list[int]:
    """One column of each of k clusters of columns, by their loadings on k components: the one nearest the centre."""
    loadings = PCA(k, random_state=seed).fit(x).components_.T
    clusters = KMeans(k, n_init=3, random_state=seed).fit(loadings)
    return [int(j) for j in dict.fromkeys(clusters.transform(loadings).argmin(axis=0).tolist())]


def sequential_attention(x: Array, wanted: Array, k: int, *, epochs: int, batch: int, seed: int) -> list[int]:
    """k columns, one after the other, by a softmax mask on a network's inputs (Yasuda et al., arXiv 2209.14881).

    Chosen columns enter with weight 1, each other one with its share of a softmax of trained logits; at the end of each
    of k equal parts of one training the largest share is chosen. wanted: numbers (n, m), or class labels (n,).
    """
    torch.manual_seed(seed)
    rows, labels = torch.as_tensor(x, dtype=torch.float32), wanted.ndim == 1
    targets = torch.as_tensor(wanted, dtype=torch.int64 if labels else torch.float32)
    loss_of = F.cross_entropy if labels else F.mse_loss
    logits = nn.Parameter(torch.zeros(x.shape[1]))
    outputs = int(wanted.max()) + 1 if labels else wanted.shape[1]
    network = nn.Sequential(nn.Linear(x.shape[1], 200), nn.ReLU(), nn.Linear(200, outputs))
    optimizer = torch.optim.Adam([logits, *network.parameters()], lr=1e-3)
    n_batches = -(-len(rows) // batch)
    chosen: list[int] = []
    for step in range(epochs * n_batches):
        if step % n_batches == 0:
            order = torch.randperm(len(rows))
        part = order[step % n_batches * batch :][:batch]
        taken = torch.tensor(chosen, dtype=torch.int64)
        shares = logits.index_fill(0, taken, -torch.inf).softmax(dim=0)
        loss = loss_of(network(rows[part] * shares.index_fill(0, taken, 1.0)), targets[part])
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        if (step + 1) * k // (epochs * n_batches) > len(chosen):
            chosen.append(int(logits.detach().index_fill(0, taken, -torch.inf).argmax()))
    return chosen


def lassonet(x: Array, y: Array, held: Array, y_held: Array, k: int, seed: int) -> list[int]:
    """The k columns that stay longest on LassoNet's path. Raises ImportError where the package is absent."""
    from lassonet import LassoNetClassifier

    model = LassoNetClassifier(
        hidden_dims=(100,),
        n_iters=(200, 20),
        patience=(20, 5),
        path_multiplier=1.1,
        verbose=0,
        torch_seed=seed,
        device="cpu",
    )
    model.path(x.astype(np.float32), y, X_val=held.astype(np.float32), y_val=y_held, return_state_dicts=False)
    return [int(j) for j in model.feature_importances_.argsort(descending=True)[:k]]


def stochastic_gates(x: Array, y: Array, k: int, seed: int) -> list[int]:
    """The k columns of the most open gates, of the weakest penalty that closes enough. Raises ImportError."""
    for name in (
        "Mapping",
        "Sequence",
        "Set",
        "Iterable",
    ):  # stg 0.1.2 looks for them where they were before Python 3.10
        setattr(collections, name, getattr(collections.abc, name))
    from stg import STG

    gates = np.zeros(x.shape[1])
    for penalty in (0.01, 0.03, 0.1, 0.3, 1.0, 3.0):
        torch.manual_seed(seed)
        model = STG(
            task_type="classification",
            input_dim=x.shape[1],
            output_dim=int(y.max()) + 1,
            hidden_dims=[100],
            activation="tanh",
            optimizer="Adam",
            learning_rate=3e-3,
            batch_size=len(x) // 4,
            sigma=0.5,
            lam=penalty,
            random_state=seed,
            device="cpu",
        )
        model.fit(x.astype(np.float32), y, nr_epochs=200, verbose=False)
        gates = np.asarray(model.get_gates(mode="raw"))
        if (np.clip(gates + 0.5, 0, 1) > 0).sum() <= k:
            break
    return [int(j) for j in np.argsort(-gates)[:k]]


def gumbel_gates(x: Array, y: Array, k: int, batch: int, seed: int) -> list[int]:
    """The k columns of GFSNetwork's largest mask logits (arXiv 2503.13304), which by itself keeps as many as it likes.

    Raises ImportError where the package gfs_network is absent. Its default, batches of one row, would take minutes.
    """
    from gfs_network import GFSNetwork

    torch.manual_seed(seed)
    model = GFSNetwork(batch_size=batch)
    network = model.fit(x.astype(np.float32), y).network
    logits = network.fc1(network.emb)[0].detach()
    return [int(j) for j in logits.argsort(descending=True)[:k]]
