"""What the operator pulls: GET /progress (trainer-progress.schema.json), answered from a thread of rank 0."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class SavedCheckpoint:
    """The newest checkpoint in the store."""

    step: int
    uri: str
    sha256: str


@dataclass(frozen=True)
class Progress:
    """How far the run is; steps and epochs are counted over all trainings of the run."""

    phase: str = "starting"
    epoch: int = 0
    epochs: int = 0
    step: int = 0
    steps: int = 0
    loss: float | None = None
    samples_per_second: float | None = None
    eta_seconds: int | None = None
    checkpoint: SavedCheckpoint | None = None

    def document(self) -> dict[str, object]:
        """The contract's JSON; 100 percent is for the result to say."""
        optional: dict[str, object | None] = {
            "loss": self.loss,
            "samplesPerSecond": None if self.samples_per_second is None else round(self.samples_per_second, 1),
            "etaSeconds": self.eta_seconds,
            "checkpoint": None if self.checkpoint is None else dict(vars(self.checkpoint)),
        }
        return {
            "phase": self.phase,
            "percent": min(99, 100 * self.step // max(1, self.steps)),
            "epoch": self.epoch,
            "epochs": self.epochs,
            "step": self.step,
            "steps": self.steps,
            **{key: value for key, value in optional.items() if value is not None},
        }


class Board:
    """The current progress, written by the training and read by the server."""

    def __init__(self) -> None:
        self._progress = Progress()
        self._lock = threading.Lock()

    @property
    def progress(self) -> Progress:
        """The progress as of now."""
        return self._progress

    def update(self, **changes: Any) -> None:
        """Changes the named fields, all at once."""
        with self._lock:
            self._progress = replace(self._progress, **changes)


def serve_progress(board: Board, port: int) -> ThreadingHTTPServer:
    """Answers GET /progress on every address until the process ends; OSError if the port is taken."""

    class Handler(BaseHTTPRequestHandler):
        timeout = 5

        def do_GET(self) -> None:
            found = self.path.split("?")[0] == "/progress"
            document: dict[str, object] = board.progress.document() if found else {"error": "there is only /progress"}
            body = json.dumps(document).encode()
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the base class names it so
            """Says nothing: a poll every second is no news."""

    server = ThreadingHTTPServer(("", port), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server
