"""What is made of texts, against the cosines that numpy finds by hand."""

from collections import Counter
from math import log

import numpy as np
import pandas as pd

from swapdae.competition.csv_file import TEXT
from swapdae.competition.texts import TEXT_COLUMNS, Letters


def parts(*texts: str) -> pd.DataFrame:
    cells = pd.Series(texts, dtype=TEXT)
    return pd.DataFrame(Letters.of(cells).parts(cells))


def cosines(*texts: str) -> np.ndarray:
    """Of TF-IDF over groups of 3 and 4 letters in words that a blank stands around."""
    counts = [
        Counter(
            word[i : i + n]
            for w in text.lower().split()
            for word in [f" {w} "]
            for n in (3, 4)
            for i in range(len(word) - n + 1)
        )
        for text in texts
    ]
    seen = Counter(group for count in counts for group in count)
    idf = {group: log((1 + len(texts)) / (1 + n)) + 1 for group, n in seen.items()}
    x = np.array([[count[group] * idf[group] for group in sorted(seen)] for count in counts])
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    cosine: np.ndarray = x @ x.T
    return cosine


def test_numbers_keep_how_alike_texts_are() -> None:
    """Where there are no more texts than numbers, nothing is lost."""
    texts = ("red wine dry", "Dry red wines", "white wine", "cider house rules")
    found = parts(*texts)
    assert found["words"].tolist() == [3, 3, 2, 3]
    x = found.drop(columns="words").to_numpy()
    assert x.shape == (4, 4) and x.dtype == np.float64
    np.testing.assert_allclose(x @ x.T, cosines(*texts), atol=1e-8)


def test_a_text_without_words_is_0_and_many_texts_are_told_by_few_numbers() -> None:
    rng = np.random.default_rng(0)
    texts = [" ".join("".join(rng.choice(list("abcdef"), 5)) for _ in range(3)) for _ in range(200)]
    found = parts("", " ", *texts)
    assert list(found) == ["words", *(f"text{j}" for j in range(TEXT_COLUMNS))]
    assert not found.iloc[:2].to_numpy().any() and found.iloc[2:].to_numpy().any(axis=1).all()
    pd.testing.assert_frame_equal(found, parts("", " ", *texts))  # the same every time


def test_few_different_texts_make_few_numbers() -> None:
    """What rounding leaves in other directions would look like a feature once it is scaled."""
    assert parts(*["red wine", "white wine", "cider"] * 50).shape == (150, 1 + 3)
    assert list(parts("", "")) == ["words"]
