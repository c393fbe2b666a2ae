"""The one error that people see."""


class UserError(Exception):
    """Something the person at the keyboard can mend: one line that says what, where, and what to do.

    The command line prints the message alone and exits 1; anything else is a bug and shows its traceback.
    """
