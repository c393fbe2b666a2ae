"""What the three boosting heads have in common: monotone columns by name, and the library's own parameters."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from swapdae.base.errors import UserError
from swapdae.base.models import StrictModel
from swapdae.modelling.cross_fit import FoldView
from swapdae.modelling.features import Native


class BoostingParams(StrictModel):
    """Of every boosting head, beside the library's usual parameters."""

    ours: ClassVar[frozenset[str]]  # what the head sets itself, besides the fields
    monotone: dict[str, Literal[-1, 0, 1]] = Field(
        {}, description="numbers by name, along which predictions only rise (1) or fall (-1)"
    )
    native: dict[str, Any] = Field(
        {},
        description="further parameters of the library, handed to it as they are; not those of the head itself",
    )
    refit: bool = Field(
        False,
        description="fit once more on all of a fold's training rows, those that stop early too, at the rounds found",
    )

    @model_validator(mode="after")
    def _native_sets_nothing_of_ours(self) -> Self:
        self.refuse({name: name for name in self.native})
        return self

    @model_serializer(mode="wrap")
    def _without_what_is_empty(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Whoever uses neither keeps the keys of the stages that were made before there were these."""
        return {
            name: value for name, value in dump(self).items() if name not in ("monotone", "native", "refit") or value
        }

    def refuse(self, meant: Mapping[str, str]) -> None:
        """meant: what each native parameter means, by the name it was given. Raises ValueError for one of ours."""
        for given, name in meant.items():
            if name in type(self).model_fields:
                raise ValueError(f"native.{given} is a parameter of the head itself: write params.{name}")
            if name in self.ours:
                raise ValueError(f"native.{given} is set by the head itself; leave it out")

    def rounds_of_all(self, best: int, view: FoldView) -> int:
        """Rounds for all of the view's training rows, where `best` were right for those not kept to stop early: more by
        the same share as there are rows."""
        return max(1, round(best * len(view.train) / len(view.split[0])))

    def signs(self, native: Native) -> tuple[int, ...]:
        """One of 1, 0, -1 for every column. Raises UserError for a name that is no column of numbers."""
        n_cat = native.x_cat.shape[1]
        for name in self.monotone:
            if name not in native.names:
                some = ", ".join(native.names[:20])
                raise UserError(f"params.monotone: the head reads no column '{name}'; it reads {some}")
            if name in native.names[:n_cat]:
                raise UserError(f"params.monotone: column '{name}' is categorical, and only numbers rise or fall")
        return tuple(self.monotone.get(name, 0) for name in native.names)


@contextmanager
def in_one_line(kind: str, params: BoostingParams) -> Iterator[None]:
    """An error of the library, where it was told something natively, is one that the user can mend."""
    try:
        yield
    except Exception as error:
        library = type(error).__module__.split(".")[0].strip("_")
        if library != kind or not (params.native or params.monotone):
            raise
        said = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise UserError(f"head {kind}: the library refuses params.native or params.monotone: {said.strip()}") from error
