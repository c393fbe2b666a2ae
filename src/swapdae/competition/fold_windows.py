"""Folds in time: each trains on a window of time and holds out a block of it.

"expanding": the last `count` blocks are held out, each by what is trained on all rows before it. "sliding": windows as
long as the first one. "purged": `count` blocks cover all of time, and each is held out by what is trained on all other
rows but those that lie too near (Lopez de Prado, "Advances in Financial Machine Learning", 2018, chapter 7). Before
the rows held out lies the gap, which no row is trained on; after them, where later rows are trained on, the embargo.
Blocks are of as many distinct times, and rows of one time are never torn apart. Test rows, which are later, are
predicted by a final fit: on all rows, of sliding windows on the newest one.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata
from sklearn.model_selection import KFold, TimeSeriesSplit

from swapdae.base.errors import UserError
from swapdae.competition.config import FoldsConfig
from swapdae.competition.fold_rows import Folds
from swapdae.competition.stop_rows import first_watched

Array = NDArray[Any]


def time_folds(times: Array, folds: FoldsConfig) -> Folds:
    """times: (n,). Raises UserError where there are too few times, or a window has nothing to fit on before the gap."""
    gap, embargo = folds.gap, folds.embargo
    if folds.unit == "rows":
        # Times are how many rows are earlier. That counts from a time's first row, and gaps begin behind its last one.
        more = int(np.unique(times, return_counts=True)[1].max()) - 1
        times, gap, embargo = rankdata(times, method="min"), gap + more * bool(gap), embargo + more * bool(embargo)
    distinct = np.unique(times)
    needed = folds.count + (folds.window != "purged")
    if len(distinct) < needed:
        found = f"folds.by = '{', '.join(folds.by)}' has {len(distinct)} distinct values"
        raise UserError(
            f"{found}, and {folds.count} folds in time take {needed}; lower folds.count in competition.toml"
        )
    training, held_out = [], []
    for window, block in _splitter(folds, len(distinct)).split(distinct):
        start, end = distinct[block[[0, -1]]]
        held_out.append((times >= start) & (times <= end))
        in_window = np.isin(times, distinct[window])
        training.append(in_window & ((times < start - gap) | (times > end + embargo)))
        _check_window(times[training[-1]], gap, f"fold {len(training)} of {folds.count}")
    newest = distinct[-len(window) :] if folds.window == "sliding" else distinct
    return Folds(np.stack(training), np.stack(held_out), times=times, gap=gap, final=np.isin(times, newest))


def _splitter(folds: FoldsConfig, n_times: int) -> TimeSeriesSplit | KFold:
    if folds.window == "purged":
        return KFold(folds.count)
    block = n_times // (folds.count + 1)
    first = n_times - folds.count * block
    return TimeSeriesSplit(folds.count, test_size=block, max_train_size=first if folds.window == "sliding" else None)


def _check_window(times: Array, gap: float, fold: str) -> None:
    advice = "lower folds.gap, folds.embargo or folds.count in competition.toml"
    if not len(times):
        raise UserError(f"{fold}: the gap leaves no rows to train on; {advice}")
    if gap and not (times < first_watched(times) - gap).any():
        raise UserError(f"{fold}: no room for a gap before the rows that stop early; {advice}")
