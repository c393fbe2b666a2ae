"""A first experiment for a table of one's own: sizes by its rows and columns, and why."""

from dataclasses import dataclass
from typing import Any

MIN_STEPS = 300  # fewer steps leave an autoencoder untrained, however many epochs they are
SECONDS = 60  # what the autoencoder may take on two CPU cores
SECONDS_PER_STEP = 0.06  # of width 1536 and batch size 512, measured there
EPOCHS = 40
MLP_STEPS = 600
REFIT_ROWS = 30_000  # up to so many rows a fold, the tenth kept to stop boosting early is missed


@dataclass(frozen=True)
class Size:
    """n_rows: train and test rows. n_train: train rows of a fold."""

    n_rows: int
    n_train: int
    n_classes: int


def first_experiment(competition: str, size: Size) -> tuple[dict[str, Any], list[str]]:
    """Values of the experiment's TOML, and one line for each choice."""
    training, width, why = _autoencoder(size)
    heads = _heads(size)
    dae = {"body": {"kind": "stack", "width": width}, "training": training}
    n_trials = sum(head.get("trials", 0) for head in heads.values())
    tuned = f"heads: {', '.join(heads)}, {n_trials} trials in all ({size.n_train} rows to fit a fold on)"
    return {"competition": competition, "dae": dae, "heads": heads}, [why, tuned]


def _autoencoder(size: Size) -> tuple[dict[str, Any], int, str]:
    """As many steps as EPOCHS are, at least MIN_STEPS, and no more than SECONDS allow."""
    n = size.n_rows
    width, batch = (384, 128) if n < 5_000 else (768, 256) if n < 20_000 else (1024, 512)
    batch = max(2, min(batch, n // 4))
    steps_per_epoch = max(n // batch, 1)
    seconds = SECONDS_PER_STEP * (width / 1536) ** 2 * batch / 512
    wanted = max(EPOCHS * steps_per_epoch, MIN_STEPS)
    steps = min(wanted, max(int(SECONDS / seconds), MIN_STEPS))
    epochs = max(-(-steps // steps_per_epoch), 1)
    why = f"dae: width {width}, batch size {batch}, {epochs} epochs ({epochs * steps_per_epoch} steps over {n} rows)"
    return {"epochs": epochs, "batch_size": batch, "learning_rate": 2e-3}, width, why


def _heads(size: Size) -> dict[str, Any]:
    """Trials for every head by what one costs, which grows with rows and classes."""
    n, slow = size.n_train, size.n_train * max(size.n_classes, 1)
    trials = 15 if slow < 5_000 else 8 if slow < 30_000 else 3
    leaf = max(5, min(n // 400, 100))
    batch = max(16, min(512, n // 32))
    steps_per_epoch = max(n // batch, 1)
    mlp = {"batch_size": batch, "epochs": max(8, -(-MLP_STEPS // steps_per_epoch)), "patience": 5}
    fewer = {"tune_rows": 20_000} if n > 20_000 else {}
    rate = 0.03 if slow < 30_000 else 0.06
    refit = {"refit": True} if slow < REFIT_ROWS else {}
    lightgbm = {"num_leaves": 31, "min_child_samples": leaf, "cat_smooth": 20.0, "cat_l2": 20.0, **refit}
    xgboost = {"max_depth": 5, "min_child_weight": 5.0, "learning_rate": rate, "patience": 100, **refit}
    catboost = {"depth": 6, "learning_rate": rate, "l2_leaf_reg": 3.0, "rsm": 0.6, "one_hot_max_size": 8}
    catboost |= {"od_wait": 100, **refit}
    return {
        "ridge_raw": {"kind": "ridge"},
        "ridge_dae": {"kind": "ridge", "features": "dae"},
        "mlp_raw": {"kind": "mlp", "params": mlp},
        "mlp_dae": {"kind": "mlp", "features": "dae", "params": mlp},
        "lightgbm": {"kind": "lightgbm", "trials": trials, **fewer, "params": lightgbm},
        "xgboost": {"kind": "xgboost", "params": xgboost},
        "catboost": {
            "kind": "catboost",
            "trials": trials // 3,
            **fewer,
            "params": {**catboost, "od_wait": 100, **refit},
        },
    }
