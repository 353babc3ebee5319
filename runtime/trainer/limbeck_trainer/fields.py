"""Reads untyped JSON field by field and collects every mistake, so that a person mends all of them at once.

A field that is wrong yields a stand-in of the right type; the caller throws all away when `problems` is not empty.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Bounds:
    """The range of a number; `above` and `below` are exclusive."""

    minimum: float | None = None
    maximum: float | None = None
    above: float | None = None
    below: float | None = None

    def broken_by(self, value: float) -> str | None:
        """The rule that `value` breaks, in words; None if it breaks none."""
        rules = (
            (self.minimum is not None and value < self.minimum, f"at least {self.minimum}"),
            (self.maximum is not None and value > self.maximum, f"at most {self.maximum}"),
            (self.above is not None and value <= self.above, f"greater than {self.above}"),
            (self.below is not None and value >= self.below, f"less than {self.below}"),
        )
        return next((rule for broken, rule in rules if broken), None)


NATURAL = Bounds(minimum=0)
POSITIVE = Bounds(minimum=1)


@dataclass
class Fields:
    """One JSON object being read: remembers which keys were asked for, so that `close` can name the strangers."""

    path: str
    values: dict[str, object]
    problems: list[str]
    seen: set[str] = field(default_factory=set)

    def wrong(self, key: str, problem: str) -> None:
        """Notes one mistake at `key`."""
        self.problems.append(f"{self.path}.{key} {problem}" if self.path else f"{key} {problem}")

    def has(self, key: str) -> bool:
        """Whether an optional key is there."""
        self.seen.add(key)
        return key in self.values

    def _take(self, key: str) -> object:
        if not self.has(key):
            self.wrong(key, "is missing")
        return self.values.get(key)

    def text(self, key: str, pattern: str | None = None) -> str:
        """A string, of the given pattern if there is one."""
        value = self._take(key)
        if key not in self.values:
            return ""
        if not isinstance(value, str):
            self.wrong(key, f"must be a string, not {value!r}")
            return ""
        if pattern is not None and re.search(pattern, value) is None:
            self.wrong(key, f"must match {pattern}, not {value!r}")
        return value

    def choice(self, key: str, allowed: Sequence[str]) -> str:
        """One of the allowed strings."""
        value = self._take(key)
        if isinstance(value, str) and value in allowed:
            return value
        if key in self.values:
            self.wrong(key, f"must be one of {', '.join(allowed)}, not {value!r}")
        return allowed[0]

    def flag(self, key: str) -> bool:
        """A boolean."""
        value = self._take(key)
        if key in self.values and not isinstance(value, bool):
            self.wrong(key, f"must be true or false, not {value!r}")
        return value is True

    def number(self, key: str, bounds: Bounds) -> float:
        """A finite number within bounds."""
        value = self._take(key)
        if key not in self.values:
            return math.nan
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            self.wrong(key, f"must be a number, not {value!r}")
            return math.nan
        self._check(key, value, bounds)
        return float(value)

    def integer(self, key: str, bounds: Bounds = NATURAL) -> int:
        """A whole number within bounds."""
        return self._whole(key, self._take(key), bounds) if self.has(key) else self._absent(key)

    def integers(self, key: str, bounds: Bounds) -> tuple[int, ...]:
        """A list of at least one whole number."""
        value = self._take(key)
        if isinstance(value, list) and value:
            return tuple(self._whole(f"{key}[{index}]", item, bounds) for index, item in enumerate(value))
        if key in self.values:
            self.wrong(key, f"must be a list of at least one whole number, not {value!r}")
        return ()

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of at least one string, none of them twice."""
        value = self._take(key)
        if isinstance(value, list) and value and all(isinstance(item, str) for item in value):
            if len(set(value)) < len(value):
                self.wrong(key, "must not name anything twice")
            return tuple(value)
        if key in self.values:
            self.wrong(key, f"must be a list of at least one string, not {value!r}")
        return ()

    def child(self, key: str) -> Fields:
        """A nested object."""
        value = self._take(key)
        path = f"{self.path}.{key}" if self.path else key
        if isinstance(value, dict):
            return Fields(path, value, self.problems)
        if key in self.values:
            self.wrong(key, f"must be an object, not {value!r}")
        # A stand-in whose own mistakes are of no interest: the missing parent is named already.
        return Fields(path, {}, [])

    def children(self, key: str) -> tuple[Fields, ...]:
        """A list of nested objects, which may be empty."""
        value = self._take(key)
        path = f"{self.path}.{key}" if self.path else key
        if isinstance(value, list) and all(isinstance(item, dict) for item in value):
            return tuple(Fields(f"{path}[{index}]", item, self.problems) for index, item in enumerate(value))
        if key in self.values:
            self.wrong(key, f"must be a list of objects, not {value!r}")
        return ()

    def close(self) -> None:
        """Names every key that nobody asked for."""
        for key in self.values:
            if key not in self.seen:
                self.wrong(key, "is not a known field")

    def _absent(self, key: str) -> int:
        self.wrong(key, "is missing")
        return 0

    def _whole(self, key: str, value: object, bounds: Bounds) -> int:
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            self.wrong(key, f"must be a whole number, not {value!r}")
            return 0
        self._check(key, value, bounds)
        return value

    def _check(self, key: str, value: float, bounds: Bounds) -> None:
        broken = bounds.broken_by(value)
        if broken is not None:
            self.wrong(key, f"must be {broken}, not {value}")
