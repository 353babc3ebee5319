"""config.json in, result.json out, exit code is the verdict."""

from __future__ import annotations

import argparse
import os
import sys
import threading
import traceback
import warnings
from pathlib import Path
from typing import NoReturn

from limbeck_trainer.config import read_config
from limbeck_trainer.environment import read_environment
from limbeck_trainer.errors import EXIT_CODES, Reason, TrainerError
from limbeck_trainer.interruption import Interruption
from limbeck_trainer.launch import is_launcher
from limbeck_trainer.launch import main as launch
from limbeck_trainer.log import Log
from limbeck_trainer.out_of_memory import is_out_of_memory, out_of_memory
from limbeck_trainer.progress import Board
from limbeck_trainer.progress_server import serve_progress
from limbeck_trainer.result import failure_document, write_result


class Ending:
    """The one way out: the result, the last log line, the exit code. Only the thread that comes first goes it."""

    def __init__(self) -> None:
        self.log = Log({"rank": os.environ.get("RANK", "0")})
        self.board = Board()
        # Nobody gives it back.
        self._first = threading.RLock()
        self.result_file = Path(os.environ.get("LIMBECK_RESULT_FILE") or "/dev/termination-log")

    def succeed(self, document: dict[str, object] | None) -> NoReturn:
        """Rank 0 alone has a document: it speaks for all."""
        self._first.acquire()
        if document is not None:
            if (problem := self._written(document)) is not None:
                # Nobody would hear of it; another attempt goes on from the last step.
                message = f"The result cannot be written ({problem}). Free the disk of the pod's node."
                self.fail(TrainerError(Reason.CRASHED, message))
            self.log.info("training succeeded", metrics=document["metrics"], artefact=document["artefact"])
        self.exit(0)

    def fail(self, error: TrainerError) -> NoReturn:
        """Each rank reports its own failure, from any thread: the main one may be stuck."""
        self._first.acquire()
        self._written(failure_document(error))
        self.log.error("training failed", reason=error.reason, error=error.message)
        self.exit(EXIT_CODES[error.reason])

    def crash(self, error: BaseException) -> NoReturn:
        """What nobody has foreseen, or nobody could: where it happened is in the log."""
        for line in traceback.format_exc().rstrip().splitlines():
            self.log.error("traceback", line=line)
        if is_out_of_memory(error):
            self.fail(out_of_memory(error, self.board.progress))
        self.fail(TrainerError(Reason.CRASHED, traceback.format_exception_only(error)[-1].strip()))

    def _written(self, document: dict[str, object]) -> str | None:
        """None, or why it is not."""
        try:
            write_result(self.result_file, document)
        except OSError as error:
            self.log.warn("result not written", file=str(self.result_file), error=error.strerror)
            return error.strerror
        return None

    def exit(self, code: int) -> NoReturn:
        """Not as sys.exit: threads of a broken process group can hold up the interpreter's end, and have last words."""
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def main() -> NoReturn:
    """Parses, runs, ends."""
    parser = argparse.ArgumentParser(prog="python3 -m limbeck_trainer", description=__doc__)
    parser.add_argument("--config", type=Path, required=True, help="JSON by trainer-config.schema.json")
    arguments = parser.parse_args()
    ending = Ending()
    try:
        if is_launcher(os.environ):
            read_environment(os.environ)
            ending.exit(launch(sys.argv[1:]))
        interruption = Interruption(ending.fail)
        interruption.install()
        ending.succeed(_run(arguments.config, ending, interruption))
    except TrainerError as error:
        ending.fail(error)
    except BaseException as error:
        ending.crash(error)


def _run(path: Path, ending: Ending, interruption: Interruption) -> dict[str, object] | None:
    environment = read_environment(os.environ)
    config = read_config(path)
    ending.log = log = Log({"rank": environment.rank, "run": f"{config.run.namespace}/{config.run.name}"})
    warnings.showwarning = lambda message, *_rest, **_named: log.warn("warning", text=str(message))
    log.info("trainer starting", attempt=config.run.attempt, worldSize=environment.world_size)
    if environment.local_rank == 0:
        # One port for all processes of a pod: rank 0 of the group, who knows more than the others, is the first of its.
        _serve(ending.board, config.progress_port, log)
    # Imported late: torch takes seconds, in which SIGTERM and /progress have to work already.
    from limbeck_trainer.job import run
    from limbeck_trainer.scratch import Scratch
    from limbeck_trainer.session import Session
    from limbeck_trainer.store import Store

    session = Session(config, Store(), ending.board, interruption, log, Scratch(environment.scratch))
    return run(session, environment)


def _serve(board: Board, port: int, log: Log) -> None:
    try:
        serve_progress(board, port)
    except OSError as error:
        # As outside a cluster, where workers share an address: the first one speaks for all.
        log.warn("progress not served", port=port, error=error.strerror)
