"""A few hundred rows of the true schema of Tabular Playground Series Feb 2021, made up."""

import numpy as np
import pandas as pd

LEVELS = {
    **{f"cat{j}": "AB" for j in range(3)},
    **{f"cat{j}": "ABCD" for j in range(3, 6)},
    "cat6": "ABCDEGHI",
    "cat7": "ABCDEFGI",
    "cat8": "ABCDEFG",
    "cat9": "ABCDEFGHIJKLMNO",
}


def tps_files(n_train: int = 300, n_test: int = 150) -> dict[str, bytes]:
    """The three CSVs. Level G of cat6 is in train only; every other level is in both."""
    rng = np.random.default_rng(2)
    n = n_train + n_test
    columns = {}
    for name, levels in LEVELS.items():
        # Every level appears at both ends, so that neither train nor test lacks one by chance.
        ends = list(levels)
        columns[name] = np.array([*ends, *rng.choice(ends, n - 2 * len(ends)), *ends])
    columns |= {f"cont{j}": rng.random(n).round(6) for j in range(14)}
    frame = pd.DataFrame(columns)
    frame.loc[(frame.index >= n_train) & (frame["cat6"] == "G"), "cat6"] = "A"
    frame.insert(0, "id", rng.permutation(n))
    target = 7 + frame["cont0"] * frame["cont1"] + 0.3 * (frame["cat1"] == "B") + 0.1 * rng.normal(size=n)
    train, test = frame[:n_train].assign(target=target[:n_train].round(6)), frame[n_train:]
    sample = test[["id"]].sort_values("id").assign(target=0.5)
    named = {"train.csv": train, "test.csv": test, "sample_submission.csv": sample}
    return {name: table.to_csv(index=False).encode() for name, table in named.items()}
