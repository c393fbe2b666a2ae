import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from swapdae.encoding.encoder import CLIP, Encoder, encode


def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "colour": pd.Series(["red", "blue", None, "red"], dtype="str"),
            "flat": [7.0, 7.0, 7.0, 7.0],
            "x": [1.0, 2.0, np.nan, 6.0],
            "empty": [np.nan] * 4,
        }
    )


NUMERICAL = ("flat", "x", "empty")


def test_codes_levels_and_the_missing_bucket() -> None:
    encoder = Encoder(("colour",), NUMERICAL, "standard").fit(frame())
    codes = encoder.transform(frame())
    assert encoder.layout.n_levels == (3,)  # blue, red, missing
    assert codes.x_cat[:, 0].tolist() == [2, 1, 3, 2]


def test_unseen_level_and_unseen_missing_are_unknown() -> None:
    encoder = Encoder(("colour",), (), "standard").fit(frame().iloc[:2])
    codes = encoder.transform(pd.DataFrame({"colour": pd.Series(["green", None, "red"], dtype="str")}))
    assert codes.x_cat[:, 0].tolist() == [0, 0, 2]
    assert codes.one_hot(encoder.layout)[:2].sum() == 0


def test_numbers_are_standardized_with_the_mean_where_missing_and_an_indicator() -> None:
    encoder = Encoder((), NUMERICAL, "standard").fit(frame())
    codes = encoder.transform(frame())
    assert encoder.layout.numbers == encoder.layout.indicators == ("x",)  # constant and empty columns are left out
    assert codes.x_num[:, 0] == pytest.approx([-2 / np.sqrt(14 / 3), -1 / np.sqrt(14 / 3), 0, 3 / np.sqrt(14 / 3)])
    assert codes.missing[:, 0].tolist() == [False, False, True, False]


def test_rank_gauss_gives_normal_quantiles() -> None:
    x = np.exp(np.linspace(0, 9, 501))
    encoder = Encoder((), ("x",), "rank_gauss").fit(pd.DataFrame({"x": x}))
    got = encoder.transform(pd.DataFrame({"x": x})).x_num[:, 0]
    expected = norm.ppf(np.arange(501) / 500)
    assert got[1:-1] == pytest.approx(expected[1:-1], abs=1e-3)
    assert np.isfinite(got).all()


def test_one_hot_has_the_layout_of_the_columns() -> None:
    encoder = Encoder(("colour",), NUMERICAL, "standard").fit(frame())
    x = encoder.transform(frame()).one_hot(encoder.layout)
    assert x.shape == (4, encoder.layout.n_inputs) == (4, 3 + 1 + 1)
    assert x[2].tolist() == [0, 0, 1, 1, 0]
    assert encoder.layout.n_binary == 4


def test_rows_are_selected() -> None:
    codes = Encoder(("colour",), NUMERICAL, "standard").fit(frame()).transform(frame())
    assert codes[np.array([2, 0])].x_cat[:, 0].tolist() == [3, 2] and len(codes[1:]) == 3


def test_transform_does_not_look_at_other_rows() -> None:
    encoder = Encoder(("colour",), NUMERICAL, "rank_gauss").fit(frame())
    whole, one = encoder.transform(frame()), encoder.transform(frame().iloc[[1]])
    assert np.array_equal(whole.x_num[1], one.x_num[0])


def test_encode_fits_on_the_rows_given_and_encodes_all() -> None:
    rows = np.array([0, 1])
    codes, layout = encode(frame(), rows, ("colour",), ("x",))
    assert layout.n_levels == (2,) and layout.indicators == ()
    assert codes.x_cat[:, 0].tolist() == [2, 1, 0, 2]  # the missing colour was not seen
    assert codes.x_num[:, 0] == pytest.approx([-1, 1, 0, CLIP])  # the last is 9 standard deviations away


def test_numbers_are_cut_where_models_read_them_and_nowhere_else() -> None:
    x = pd.DataFrame({"x": [0.0] * 99 + [1.0]})  # mean .01, standard deviation sqrt(.0099): 9.95 above
    cut, whole = (Encoder((), ("x",), scale).fit(x).transform(x).x_num[:, 0] for scale in ("clipped", "standard"))
    assert whole[99] == pytest.approx(0.99 / np.sqrt(0.0099)) and cut[99] == CLIP
    assert np.array_equal(cut[:99], whole[:99])


def test_layout_knows_whether_anything_varies() -> None:
    def varies(categorical: tuple[str, ...], *numerical: str) -> bool:
        return Encoder(categorical, numerical, "standard").fit(frame()).layout.varies

    assert varies((), "x") and varies(("colour",))
    assert not varies((), "flat", "empty")
    assert not Encoder(("colour",), (), "standard").fit(frame().iloc[[0, 3]]).layout.varies
    assert Encoder((), ("flat",), "standard").fit(pd.DataFrame({"flat": [7.0, np.nan]})).layout.varies  # missing or not
