import numpy as np
import pandas as pd

from swapdae.competition.torn import torn_duplicates, torn_groups, torn_near_duplicates


def noise(n: int, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.normal(size=(n, 6)), columns=[f"x{j}" for j in range(6)])
    return frame.assign(c=rng.choice(list("abc"), n))


def test_duplicates_count_where_folds_part_them() -> None:
    frame = pd.concat([noise(100), noise(100)[:10]], ignore_index=True)
    frame.loc[[3, 103], "x0"] = np.nan
    labels = np.zeros(110, dtype=int)
    assert torn_duplicates(frame, labels) == 0
    labels[100:105] = 1
    assert torn_duplicates(frame, labels) == 10, "five and their twins, a missing value equal to another"


def test_near_duplicates_differ_in_one_column() -> None:
    frame = pd.concat([noise(200), noise(200)[:20].assign(x3=0.0)], ignore_index=True)
    labels = np.repeat([0, 1], [200, 20])
    assert torn_near_duplicates(frame, labels) == 40 and torn_duplicates(frame, labels) == 0
    two_columns = pd.concat([noise(200), noise(200)[:20].assign(x3=0.0, x4=0.0)], ignore_index=True)
    assert torn_near_duplicates(two_columns, labels) == 0
    assert torn_near_duplicates(frame, np.zeros(220, dtype=int)) == 0


def test_likeness_by_chance_is_told_of_by_none() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({f"c{j}": rng.choice(list("ab"), 300) for j in range(5)})
    assert torn_near_duplicates(frame, np.arange(300) % 5) == 0


def people(first: int, n: int, visits: int = 4) -> pd.DataFrame:
    """Persons by number, as read: a float column; each comes several times."""
    return noise(n * visits, first).assign(person=np.repeat(np.arange(first, first + n), visits).astype(float))


def test_groups_are_columns_of_which_test_holds_others() -> None:
    train, test, labels = people(0, 50), people(0, 50), np.arange(200) % 5
    order = np.random.default_rng(0).permutation(200)
    train["person"], test["person"] = train["person"].to_numpy()[order] * 3, test["person"] * 3 + 1
    torn = pd.Series(labels).groupby(train["person"]).transform("nunique") > 1
    assert torn_groups(train, test, labels) == {"person": int(torn.sum())}
    assert torn_groups(train, train, labels) == {}, "test holds the same persons"
    assert torn_groups(train, test, train["person"].to_numpy() // 3 % 5) == {}, "no fold parts one"


def test_columns_without_a_bond_are_no_groups() -> None:
    assert torn_groups(noise(200), noise(200, 1), np.arange(200) % 5) == {}
