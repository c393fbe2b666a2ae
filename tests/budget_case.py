"""A machine and tables given by numbers, and the plans that are made of them."""

from swapdae.experiment.budget import planned
from swapdae.experiment.config import Experiment
from swapdae.experiment.costs import Machine, TableSize
from swapdae.experiment.first import Size, first_experiment
from swapdae.experiment.planned import Planned

CORE = Machine(
    cores=1, device="CPU", gpu=False, product=9e10, network=3e11, boosting=0.12, step=0.05, d_features=3072
)  # fmt: skip


def table(n_train: int, **more: int) -> TableSize:
    fixed = {"n_test": n_train // 3, "n_fits": 5, "share": 0.8, "n_cat": 8, "n_num": 10, "n_levels": 80}
    return TableSize.model_validate({"n_train": n_train, **fixed, **more})


def experiment(n_train: int) -> Experiment:
    values, _ = first_experiment("any", Size(n_train * 4 // 3, n_train * 4 // 5, 1))
    return Experiment.model_validate({**values, "name": "e"})


def plan(n_train: int, minutes: float, machine: Machine = CORE, **more: int) -> Planned:
    return planned(experiment(n_train), table(n_train, **more), machine, minutes)
