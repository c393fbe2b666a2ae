import pytest

from swapdae.base.text import markdown_table, printable, shortened


def test_markdown_table_by_hand() -> None:
    rows = [["rmse", "fold"], ["a|b\nc", ""], ["ridge", "0.25000"]]
    assert markdown_table(rows).splitlines() == [
        "| rmse   | fold    |",
        "|--------|---------|",
        "| a\\|b c |         |",
        "| ridge  | 0.25000 |",
    ]
    with pytest.raises(ValueError, match="zip"):
        markdown_table([["a", "b"], ["c"]])


def test_text_is_kept_on_its_line() -> None:
    assert printable("a\nb\tc\r\x00d\u202ee\ud800") == "a b c  d e "
    assert printable("ä 中 🎉 $x$ <b>") == "ä 中 🎉 $x$ <b>"


def test_shortened_keeps_what_fits() -> None:
    assert shortened("abcde", 5) == "abcde"
    assert shortened("abcdef", 5) == "abcd…"
    assert shortened("two\nlines and more", 10) == "two lines…"
    assert shortened("x" * 10_000) == "x" * 39 + "…"
