"""Work in a process of its own that has little memory."""

from __future__ import annotations

import re
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

from workers import PRELOADED, forkserver


def within(budget: int, work: Callable[..., Any], *given: object) -> Any:
    """What `work` returns in a process that may have so many bytes of its own beside what it has at first."""
    forkserver.set_forkserver_preload(PRELOADED)
    answers: Any = forkserver.SimpleQueue()
    process = forkserver.Process(target=_answer, args=(budget, work, given, answers))
    process.start()
    process.join(120)
    assert process.exitcode == 0
    return answers.get()


def _answer(budget: int, work: Callable[..., Any], given: tuple[object, ...], answers: Any) -> None:
    now = re.search(r"VmData:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert now is not None
    limit = int(now.group(1)) * 1024 + budget
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    answers.put(work(*given))
