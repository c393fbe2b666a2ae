"""Dates as numbers: their parts, their age, and where they lie in the year, the week and the day."""

from pathlib import Path

import numpy as np
import pandas as pd

from swapdae.competition.csv_file import cell_error

ISO_DATE = r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?"


SPLINES = {"weekday": (7, 7), "hour": (24, 12)}  # period, and how many around it: as skrub's DatetimeEncoder has them


def are_iso_dates(cells: pd.Series) -> bool:
    """Whether all cells that are not empty are days of the calendar, as 2024-12-31 or 2024-12-31T23:59:00."""
    given = cells[cells != ""]
    return bool(len(given) and given.str.fullmatch(ISO_DATE).all() and _parsed(given, "ISO8601").notna().all())


def dates_of(cells: pd.Series, form: str, file: Path) -> pd.Series:
    """Cells as UTC times, NaT where empty. form: of strptime, or "ISO8601". A time without a zone counts as UTC."""
    dates = _parsed(cells, form)
    wrong = dates.isna() & (cells != "")
    if wrong.any():
        shape = "2024-12-31 or 2024-12-31T23:59:00" if form == "ISO8601" else form
        raise cell_error(file, cells, wrong, f"is no date like {shape}; mend it, or the column's format in [columns]")
    return dates


def date_parts(dates: pd.Series, newest: pd.Timestamp) -> dict[str, pd.Series]:
    """Numbers, NaN where there is no date, by what they tell: year, month, day, weekday (0 is Monday), hour; age, in
    days before `newest`; sine and cosine of the month, by which December is next to January; and splines around week
    and day, along which a linear model can bend. Around the year it would bend anywhere in months that train lacks."""
    at = dates.dt
    hour = at.hour + at.minute / 60
    parts = {
        "year": at.year,
        "month": at.month,
        "day": at.day,
        "weekday": at.day_of_week,
        "hour": at.hour,
        "age": (newest - dates).dt.total_seconds() / 86400,
    }
    angle = 2 * np.pi * (at.month - 1) / 12
    parts |= {"month_sin": np.sin(angle), "month_cos": np.cos(angle)}
    for name, value in (("weekday", at.day_of_week), ("hour", hour)):
        parts |= {f"{name}_spline{j}": spline for j, spline in enumerate(_splines(value, *SPLINES[name]))}
    return {name: values.astype(np.float64) for name, values in parts.items()}


def _splines(values: pd.Series, period: int, n: int) -> list[pd.Series]:
    """n cubic B-splines around a circle, so that the end of a period lies next to its start."""
    from sklearn.preprocessing import SplineTransformer

    knots = np.linspace(0, period, n + 1)[:, None]
    around = SplineTransformer(knots=knots, extrapolation="periodic").fit(knots)
    x = around.transform(values.fillna(0).to_numpy(dtype=np.float64)[:, None])
    return [pd.Series(column, index=values.index).where(values.notna()) for column in x.T]


def _parsed(cells: pd.Series, form: str) -> pd.Series:
    return pd.to_datetime(cells, format=form, utc=True, errors="coerce")
