"""One JSON object per line on stdout: the last line of a log tells its pod's story. Keys are those of all processes."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from datetime import UTC, datetime

from limbeck_trainer.json_text import json_text


def write_stdout(line: str) -> None:
    """Writes and flushes one line: a killed process must not take its last words with it."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


class Log:
    """Constant sentences with variable fields; `rank` and the run's name are on every line."""

    def __init__(self, fields: dict[str, object], write: Callable[[str], None] = write_stdout) -> None:
        self._fields = fields
        self._write = write

    def child(self, **fields: object) -> Log:
        """The same log with more fields on every line."""
        return Log({**self._fields, **fields}, self._write)

    def info(self, message: str, **fields: object) -> None:
        """Something went as it should."""
        self._line("info", message, fields)

    def warn(self, message: str, **fields: object) -> None:
        """Something is worse than it should be, and the run goes on."""
        self._line("warn", message, fields)

    def error(self, message: str, **fields: object) -> None:
        """The run ends here."""
        self._line("error", message, fields)

    def _line(self, level: str, message: str, fields: dict[str, object]) -> None:
        time = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        head = {"timestamp": time, "level": level, "message": message, "component": "trainer"}
        record = {**head, **self._fields, **fields}
        self._write(json_text(_sayable(record), default=str))


def _sayable(value: object) -> object:
    """What is no finite number is a word: JSON knows no other way, and a log must not fail."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {name: _sayable(member) for name, member in value.items()}
    return [_sayable(member) for member in value] if isinstance(value, list | tuple) else value
