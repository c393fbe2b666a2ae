"""The one error that people see."""


class UserError(Exception):
    """Something the person at the keyboard can mend: one line that says what, where, and what to do.

    The command line prints the message alone and exits 1; anything else is a bug and shows its traceback.
    """


class TimeIsUp(Exception):
    """A stage's time is up. keep: how much of it is kept, trials or epochs; 0: it is left out."""

    def __init__(self, keep: int = 0) -> None:
        super().__init__(keep)
        self.keep = keep
