"""Free text as numbers: how long it is, and which groups of letters it holds."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

if TYPE_CHECKING:
    from sklearn.feature_extraction.text import TfidfVectorizer

TEXT_COLUMNS = 32  # numbers that tell a text's letters, at most
ROWS = 10_000  # texts taken apart at a time
Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Letters:
    """Latent semantic analysis (Deerwester et al. 1990): TF-IDF of groups of 3 and 4 letters inside words, by which
    endings and misspellings are alike, and of them the directions in which the texts of the fit differ most. No label
    is read, but a text's numbers depend on these texts.

    terms: the groups; idf: (n_terms,); directions: (up to TEXT_COLUMNS, n_terms).
    """

    terms: list[str]
    idf: Array
    directions: Array

    @staticmethod
    def of(cells: pd.Series) -> "Letters":
        """Without directions that only rounding knows, as where few texts differ; nothing where no text has words."""
        from sklearn.decomposition import TruncatedSVD

        if not cells.str.contains(r"\S").any():
            return Letters([], np.zeros(0), np.zeros((0, 0)))
        vectorizer = _vectorizer()
        letters = vectorizer.fit_transform(cells.tolist())
        svd = TruncatedSVD(min(TEXT_COLUMNS, *letters.shape), random_state=0).fit(letters)
        telling = svd.singular_values_ > 1e-6 * svd.singular_values_[0]
        return Letters(vectorizer.get_feature_names_out().tolist(), vectorizer.idf_, svd.components_[telling])

    def parts(self, cells: pd.Series) -> dict[str, pd.Series]:
        """How many words a text has, and a number for each direction, all 0 for a text without words."""
        parts = {"words": cells.str.count(r"\S+").astype(np.float64)}
        if len(self.directions):
            vectorizer, texts = _vectorizer(self.terms), cells.tolist()
            vectorizer.idf_ = self.idf
            starts = range(0, len(texts), ROWS)
            x = np.concatenate([vectorizer.transform(texts[i : i + ROWS]) @ self.directions.T for i in starts])
            parts |= {f"text{j}": pd.Series(column, index=cells.index) for j, column in enumerate(x.T)}
        return parts


def _vectorizer(terms: list[str] | None = None) -> "TfidfVectorizer":
    from sklearn.feature_extraction.text import TfidfVectorizer

    return TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 4), vocabulary=terms)
