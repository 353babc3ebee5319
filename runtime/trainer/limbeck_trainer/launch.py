"""Several processes in one pod: the first one starts the ranks of the others, passes signals on, and ends as they did.

Not torchrun: its exit code is 1 whatever happened, and what a rank wrote as its result would be lost. Nothing is
started again here either, for the group is the unit, and the operator its keeper.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from limbeck_trainer.early import NOTHING_SAVED
from limbeck_trainer.errors import EXIT_CODES, Reason, TrainerError
from limbeck_trainer.log import Log
from limbeck_trainer.result import failure_document, write_result

# Peers see a loss within moments; whoever does not is stuck, and is asked, then forced, to end.
NOTICE_SECONDS = 10
GRACE_SECONDS = 25
LOOK_SECONDS = 0.05
# Of who ends because another one did.
ECHOES = (Reason.PEER_LOST, Reason.INTERRUPTED)


@dataclass
class Child:
    """One rank: its process, its result, and its exit code once it has ended."""

    rank: int
    process: subprocess.Popen[bytes]
    result: Path
    code: int | None = None
    # When it was asked to end, by the clock of `ended`.
    asked: float | None = None

    def ask(self, now: float) -> None:
        """SIGTERM, once."""
        if self.asked is None:
            self.asked = now
            self.process.terminate()


@dataclass
class Pod:
    """The ranks that were started, and whether they are to end: then each is asked, those that come later, too."""

    children: list[Child] = field(default_factory=list)
    stopping: bool = False

    def take(self, child: Child) -> None:
        """One more rank."""
        self.children.append(child)
        if self.stopping:
            child.ask(time.monotonic())

    def stop(self, _number: int, _frame: FrameType | None) -> None:
        """SIGTERM is the ranks'."""
        self.stopping = True
        for child in self.children:
            child.ask(time.monotonic())


def is_launcher(variables: Mapping[str, str]) -> bool:
    """Whether this process is to start others: it knows of several in its pod, and has no place among them."""
    return variables.get("LOCAL_WORLD_SIZE", "1") not in ("", "1") and not variables.get("LOCAL_RANK")


def launch(command: Sequence[str], variables: Mapping[str, str], result: Path) -> int:
    """Runs `command` once for each local rank; the exit code, and in `result` the words, of the one that decides."""
    count, group = int(variables["LOCAL_WORLD_SIZE"]), int(variables.get("GROUP_RANK") or "0")
    with tempfile.TemporaryDirectory() as folder:
        pod = Pod()
        # Before the first of them: as process 1 of its container a launcher without a handler ignores the signal.
        signal.signal(signal.SIGTERM, pod.stop)
        scratch = Path(folder) / "scratch"
        scratch.mkdir()
        for local in range(count):
            file = Path(folder) / f"{local}.json"
            places = {"RANK": str(group * count + local), "LOCAL_RANK": str(local), "LIMBECK_RESULT_FILE": str(file)}
            process = _started(command, {**variables, **places, "LIMBECK_SCRATCH": str(scratch)})
            pod.take(Child(group * count + local, process, file))
        return told(decisive(ended(pod.children)), result)


def _started(command: Sequence[str], variables: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """A rank that SIGTERM does not reach before it hears it: see early.py."""
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    try:
        return subprocess.Popen(command, env=variables)
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])


def ended(children: Sequence[Child], clock: Callable[[], float] = time.monotonic) -> list[Child]:
    """The children in the order in which they ended. Once one has failed, the others have not much time left."""
    over: list[Child] = []
    failed_at = None
    while len(over) < len(children):
        for child in children:
            if child.code is None and child.process.poll() is not None:
                child.code = child.process.returncode
                over.append(child)
                failed_at = failed_at or (clock() if child.code != 0 else None)
        if failed_at is not None:
            _hurry(children, failed_at, clock())
        time.sleep(LOOK_SECONDS)
    return over


def _hurry(children: Sequence[Child], failed_at: float, now: float) -> None:
    """Asks, and forces who was asked: however seldom this process gets to look, nobody is forced without having had
    the time to save."""
    for child in (child for child in children if child.code is None):
        if child.asked is not None and now > child.asked + GRACE_SECONDS:
            child.process.kill()
        elif now > failed_at + NOTICE_SECONDS:
            child.ask(now)


def decisive(over: Sequence[Child]) -> Child:
    """Who speaks for the pod: who failed first for a reason of its own, else who failed first, else rank 0."""
    failed = [child for child in over if child.code != 0]
    causes = [child for child in failed if not _is_echo(child)]
    return next(iter(causes or failed), min(over, key=lambda child: child.rank))


def _is_echo(child: Child) -> bool:
    """By its own words, for other reasons have the exit code of a lost peer, too; by that only where it left none."""
    try:
        reason: object = json.loads(child.result.read_bytes())["reason"]
    except (OSError, ValueError, LookupError, TypeError):
        # The last of them: killed by SIGTERM, whatever has kept it from hearing that.
        return child.code in (*(EXIT_CODES[reason] for reason in ECHOES), -signal.SIGTERM)
    return reason in ECHOES


def told(child: Child, result: Path) -> int:
    """Hands on what the child wrote, or says how it ended, and gives its exit code as a shell would."""
    code = child.code or 0
    try:
        _tell(child, code, result)
    except OSError as error:
        Log({"rank": child.rank}).error("result not written", file=str(result), error=error.strerror)
        # A success of which nobody hears is none.
        code = code or EXIT_CODES[Reason.CRASHED]
    return 128 - code if code < 0 else code


def _tell(child: Child, code: int, result: Path) -> None:
    if child.result.exists():
        result.write_bytes(child.result.read_bytes())
    elif code == -signal.SIGTERM:
        write_result(result, failure_document(TrainerError(Reason.INTERRUPTED, NOTHING_SAVED)))
    elif code < 0:
        name = signal.Signals(-code).name
        message = f"The process of rank {child.rank} was killed by {name}."
        if name == "SIGKILL":
            message += " If nobody sent it, memory ran out: raise placement.resources.limits.memory."
        write_result(result, failure_document(TrainerError(Reason.CRASHED, message)))


def main(arguments: Sequence[str]) -> int:
    """Starts this package once for each local rank, with the same arguments."""
    result = Path(os.environ.get("LIMBECK_RESULT_FILE") or "/dev/termination-log")
    return launch([sys.executable, "-m", "limbeck_trainer", *arguments], os.environ, result)
