"""Signals wait for `deliver`, reach the handler that was there, and are never lost."""

import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import FrameType

import pytest

from swapdae.base.signals import DeferredSignals


@pytest.fixture
def heard() -> Iterator[list[int]]:
    """Numbers that a handler of the caller's own was given; it returns."""
    numbers: list[int] = []

    def listen(number: int, frame: FrameType | None) -> None:
        numbers.append(number)

    before = signal.signal(signal.SIGTERM, listen)
    yield numbers
    signal.signal(signal.SIGTERM, before)


def test_waits_until_it_is_delivered(heard: list[int]) -> None:
    before = signal.getsignal(signal.SIGTERM)
    with DeferredSignals() as signals:
        assert not signals.pending
        signal.raise_signal(signal.SIGTERM)
        assert signals.pending and heard == []
        signals.deliver()
        assert not signals.pending and heard == [signal.SIGTERM]
        signals.deliver()
        signal.raise_signal(signal.SIGTERM)  # held back again, as the handler returned
        assert signals.pending and heard == [signal.SIGTERM]
    assert heard == [signal.SIGTERM] * 2  # the end of the block delivers what is left
    assert signal.getsignal(signal.SIGTERM) is before


def test_control_c_becomes_keyboard_interrupt_at_the_end_of_the_block() -> None:
    reached = False
    with pytest.raises(KeyboardInterrupt), DeferredSignals():
        signal.raise_signal(signal.SIGINT)
        reached = True
    assert reached and signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_block_inside_a_block_hands_on_to_the_outer_one(heard: list[int]) -> None:
    with DeferredSignals() as outer:
        with DeferredSignals():
            signal.raise_signal(signal.SIGTERM)
        assert outer.pending and heard == []
    assert heard == [signal.SIGTERM]


def test_second_signal_does_not_wait() -> None:
    with pytest.raises(KeyboardInterrupt), DeferredSignals():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        pytest.fail("the second one was held back")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_signal_outlives_an_error(heard: list[int]) -> None:
    with pytest.raises(OSError, match="full"), DeferredSignals():
        signal.raise_signal(signal.SIGTERM)
        raise OSError("full")
    assert heard == [signal.SIGTERM]


def test_ignored_signal_stays_ignored() -> None:
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        with DeferredSignals() as signals:
            signal.raise_signal(signal.SIGTERM)
            assert not signals.pending
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, before)


def test_inactive_and_off_the_main_thread_handlers_are_left_alone() -> None:
    def handlers(*, active: bool) -> list[object]:
        with DeferredSignals(active=active):
            return [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]

    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    assert handlers(active=False) == before != handlers(active=True)
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(handlers, active=True).result() == before
