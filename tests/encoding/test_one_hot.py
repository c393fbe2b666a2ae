import numpy as np

from swapdae.encoding.one_hot import one_hot


def test_one_column_a_class_even_for_classes_without_a_row() -> None:
    targets = one_hot(np.array([2, 0], dtype=np.int8), 4)
    assert targets.dtype == np.float64 and targets.tolist() == [[0, 0, 1, 0], [1, 0, 0, 0]]
