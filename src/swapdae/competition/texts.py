"""Free text as numbers: how long it is, and which groups of letters it holds."""

import numpy as np
import pandas as pd

TEXT_COLUMNS = 32  # numbers that tell a text's letters, at most


def text_parts(cells: pd.Series) -> dict[str, pd.Series]:
    """How many words a text has, and up to TEXT_COLUMNS numbers, all 0 for a text without words.

    Latent semantic analysis (Deerwester et al. 1990): TF-IDF of groups of 3 and 4 letters inside words, by which
    endings and misspellings are alike, and of them the directions in which these texts differ most. Label-free, but
    fitted: a text's numbers depend on the other texts.
    """
    words = cells.str.count(r"\S+").astype(np.float64)
    parts = {"words": words}
    if words.any():
        x = _directions(cells)
        parts |= {f"text{j}": pd.Series(x[:, j], index=cells.index) for j in range(x.shape[1])}
    return parts


def _directions(cells: pd.Series) -> np.ndarray:
    """(n, up to TEXT_COLUMNS), without directions that only rounding knows, as where few texts differ."""
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    letters = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 4)).fit_transform(cells.tolist())
    svd = TruncatedSVD(min(TEXT_COLUMNS, *letters.shape), random_state=0)
    x: np.ndarray = svd.fit_transform(letters)
    return x[:, svd.singular_values_ > 1e-6 * svd.singular_values_[0]]
