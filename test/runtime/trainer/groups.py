"""Real groups over gloo whose ranks are forks of a process that has torch loaded, so that a group costs little.

Not of the test itself: who has once run a backward pass cannot be forked any more.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from limbeck_trainer.environment import Environment
from limbeck_trainer.errors import TrainerError
from limbeck_trainer.interruption import Interruption
from limbeck_trainer.job import run
from limbeck_trainer.result import failure_document
from support import PATIENCE_SECONDS, Document, free_port, session
from workers import PRELOADED, forkserver


class Counted(Interruption):
    """Asks to stop when the loop has looked this often, so on all ranks before the same step."""

    def __init__(self, looks: int) -> None:
        super().__init__(lambda: None)
        self._looks = looks

    @property
    def requested(self) -> bool:
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


def run_group(folder: Path, document: Document, count: int, stop_after: int = 1 << 40) -> Ended:
    """A whole run by `count` ranks; all are told to stop before step `stop_after` + 1."""
    folder.mkdir(parents=True)
    forkserver.set_forkserver_preload(PRELOADED)
    port = free_port()
    ranks = [
        forkserver.Process(
            target=rank_of, args=(folder, document, Environment(rank, count, "127.0.0.1", port, 1, folder), stop_after)
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


def rank_of(folder: Path, document: Document, environment: Environment, stop_after: int) -> None:
    """One rank of a group, in its own process."""
    with (folder / f"{environment.rank}.log").open("w") as log:
        said: Any = session(document, lambda line: print(line, file=log, flush=True))
        said = type(said)(said.config, said.store, said.board, Counted(stop_after), said.log)
        try:
            result = run(said, environment)
        except TrainerError as error:
            result = failure_document(error)
    (folder / f"{environment.rank}.json").write_text(json.dumps(result))
