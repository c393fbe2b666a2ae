"""A function's answer from a process of its own, so that the peak of its memory is its own too."""

import multiprocessing
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, TypeVar

T = TypeVar("T")


def alone(function: Callable[..., T], *arguments: Any) -> T:
    """function(*arguments), from a fresh process whose peak starts at this one's."""
    receive, send = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("spawn").Process(target=_answer, args=(send, function, arguments))
    process.start()
    send.close()
    answer: T = receive.recv()
    process.join()
    return answer


def _answer(out: Connection, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    out.send(function(*arguments))
