"""Real groups over gloo whose ranks are forks of a process that has torch loaded, so that a group costs little.

Not of the test itself: who has once run a backward pass cannot be forked any more.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from limbeck_trainer.environment import Environment
from limbeck_trainer.errors import TrainerError
from limbeck_trainer.interruption import Interruption
from limbeck_trainer.job import run
from limbeck_trainer.progress import Board
from limbeck_trainer.result import failure_document
from support import PATIENCE_SECONDS, Document, free_port, session
from workers import PRELOADED, forkserver

NEVER = 1 << 40


class Counted(Interruption):
    """Asks to stop when the loop has looked this often while it trains, so on all ranks before the same step; or while
    it does something else, so of a validation before the same part.
    """

    def __init__(self, looks: int, board: Board, phase: str = "training") -> None:
        super().__init__(lambda _error: None)
        self._looks = looks
        self._board = board
        self._phase = phase

    @property
    def requested(self) -> bool:
        if self._looks >= 0 and self._board.progress.phase == self._phase:
            self._looks -= 1
        return self._looks < 0


class Ended:
    """What each rank said last (rank 0 the result), and rank 0's log."""

    def __init__(self, folder: Path, count: int) -> None:
        self.results: list[Document | None] = [
            json.loads((folder / f"{rank}.json").read_text()) for rank in range(count)
        ]
        self.lines: list[Document] = [json.loads(line) for line in (folder / "0.log").read_text().splitlines()]

    @property
    def result(self) -> Document:
        """Rank 0's."""
        assert self.results[0] is not None
        return self.results[0]

    def line(self, message: str) -> Document:
        """The first line of this message."""
        return next(line for line in self.lines if line["message"] == message)


def run_group(
    folder: Path,
    document: Document,
    count: int,
    stop_after: int | Sequence[int] = NEVER,
    target: Callable[..., None] | None = None,
) -> Ended:
    """A whole run by `count` ranks. All, or each, are told to stop before step `stop_after` + 1. `target` takes the
    place of `rank_of`.
    """
    stops = [stop_after] * count if isinstance(stop_after, int) else stop_after
    folder.mkdir(parents=True)
    forkserver.set_forkserver_preload(PRELOADED)
    port = free_port()
    ranks = [
        forkserver.Process(
            target=target or rank_of,
            args=(folder, document, Environment(rank, count, "127.0.0.1", port, 1, folder), stops[rank]),
        )
        for rank in range(count)
    ]
    for process in ranks:
        process.start()
    for process in ranks:
        process.join(PATIENCE_SECONDS)
        if process.exitcode is None:
            process.kill()
    assert [process.exitcode for process in ranks] == [0] * count
    return Ended(folder, count)


def rank_of(
    folder: Path, document: Document, environment: Environment, stop_after: int, phase: str = "training"
) -> None:
    """One rank of a group, in its own process."""
    with (folder / f"{environment.rank}.log").open("w") as log:
        said = session(document, lambda line: print(line, file=log, flush=True))
        said = replace(said, interruption=Counted(stop_after, said.board, phase))
        try:
            result = run(said, environment)
        except TrainerError as error:
            result = failure_document(error)
    (folder / f"{environment.rank}.json").write_text(json.dumps(result))
