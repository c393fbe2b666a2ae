"""Ctrl-C and SIGTERM held back to a moment at which the work can be saved."""

import signal
import threading
from types import FrameType, TracebackType
from typing import Self

HELD = (signal.SIGINT, signal.SIGTERM)


class DeferredSignals:
    """Within the block a signal only sets `pending`; `deliver` hands it on to whoever was to have it.

    A second signal is handed on at once, and so is one still pending at the block's end: none is swallowed. One that
    is ignored, or whose handler is not Python's, is left alone. Off the main thread, where Python allows no handlers,
    and with `active` false, nothing is held back.
    """

    def __init__(self, *, active: bool = True) -> None:
        self._active = active and threading.current_thread() is threading.main_thread()
        self._handlers: dict[int, signal._HANDLER] = {}
        self._pending: int | None = None

    @property
    def pending(self) -> bool:
        return self._pending is not None

    def deliver(self) -> None:
        """Hand on a pending signal. Returns where there is none, or where its handler returns."""
        number, self._pending = self._pending, None
        if number is None:
            return
        holding = signal.signal(number, self._handlers[number])
        try:
            signal.raise_signal(number)
        finally:
            signal.signal(number, holding)

    def __enter__(self) -> Self:
        for number in HELD if self._active else ():
            handler = signal.getsignal(number)
            if handler is not None and handler is not signal.SIG_IGN:
                self._handlers[number] = handler
                signal.signal(number, self._hold)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        self.deliver()

    def _hold(self, number: int, frame: FrameType | None) -> None:
        one_was_pending = self.pending
        self._pending = number
        if one_was_pending:
            self.deliver()
