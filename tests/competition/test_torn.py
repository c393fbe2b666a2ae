import numpy as np
import pandas as pd

from swapdae.competition.torn import likely_groups, torn_duplicates, torn_near_duplicates


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


def visits(n_people: int, n_visits: int) -> pd.DataFrame:
    """People who come several times, each with a sex, a height and a town of their own."""
    rng = np.random.default_rng(0)
    of = np.repeat(np.arange(n_people), n_visits)
    people = pd.DataFrame(
        {
            "person": [f"p{k}" for k in range(n_people)],
            "sex": rng.choice(["f", "m"], n_people),
            "height": rng.normal(170, 10, n_people),
            "age": rng.integers(20, 60, n_people).astype(float),
        }
    )
    frame = people.iloc[of].reset_index(drop=True)
    frame["age"] += np.tile(np.arange(n_visits), n_people)
    return frame.assign(pulse=rng.normal(size=len(of)), month=rng.choice(list("abcdefghijkl"), len(of)))


def test_a_column_of_people_looks_like_a_group() -> None:
    assert likely_groups(visits(100, 4)) == ["person"]
    assert likely_groups(visits(20, 30)) == ["person"], "neighbours in the file agree in height, rows of a sex do not"
    numbered = visits(100, 4).assign(person=lambda frame: frame["person"].str[1:].astype(float))
    assert likely_groups(numbered) == ["person"]


def test_columns_without_a_bond_are_no_groups() -> None:
    frame = visits(100, 4).drop(columns=["person", "height"])
    assert likely_groups(frame) == []
    assert likely_groups(visits(300, 2)) == [], "rows of two: as many values as n/2"
    assert likely_groups(noise(200).round()) == []
