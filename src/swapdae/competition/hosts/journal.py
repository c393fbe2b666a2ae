"""What was sent to a host, written down before it leaves: whatever dies in between, nothing is sent twice."""

import datetime
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from swapdae.base.errors import UserError
from swapdae.base.files import write_text


@dataclass(frozen=True)
class Journal:
    """A JSON file of submissions by message: when each was sent, and its number once the host has confirmed it.

    Every method raises UserError where the file cannot be read or written.
    """

    file: Path

    def was_sent(self, message: str) -> bool:
        return message in self._entries()

    def ref(self, message: str) -> int | None:
        """The number of a submission that the host has confirmed."""
        ref = self._entries().get(message, {}).get("ref")
        return None if ref is None else int(ref)

    def sending(self, message: str) -> None:
        """To be called before it leaves: from now on it may have arrived."""
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        self._write({**self._entries(), message: {"sent": now}})

    def confirmed(self, message: str, ref: int) -> None:
        entries = self._entries()
        self._write({**entries, message: {**entries.get(message, {}), "ref": ref}})

    def refused(self, message: str) -> None:
        """It certainly did not arrive: no trace of it stays."""
        self._write({other: entry for other, entry in self._entries().items() if other != message})

    def _entries(self) -> dict[str, dict[str, Any]]:
        advice = "look on the host's page for what was submitted, then delete this file"
        try:
            entries = json.loads(self.file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise UserError(f"{self.file}: cannot be read ({type(error).__name__}); {advice}") from None
        if not isinstance(entries, dict) or not all(isinstance(entry, dict) for entry in entries.values()):
            raise UserError(f"{self.file}: is no journal of submissions; {advice}")
        return entries

    def _write(self, entries: dict[str, dict[str, Any]]) -> None:
        try:
            if entries:
                write_text(self.file, json.dumps(entries, indent=1) + "\n")
            else:
                self.file.unlink(missing_ok=True)
        except OSError as error:
            raise UserError(f"{self.file}: cannot be written ({error.strerror}); mend that, then run again") from None
