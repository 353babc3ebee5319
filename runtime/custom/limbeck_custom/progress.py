"""GET /progress of this rank, from a thread: rank 0's is shown to people, everybody's is a heartbeat."""

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from math import isfinite
from typing import Any

from limbeck_custom.ending import as_json


class Board:
    """What is answered; `update` may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stepped: float | None = None
        self._document: dict[str, Any] = {"phase": "starting", "epoch": 0, "epochs": 0, "step": 0, "steps": 0}

    def update(self, **changes: Any) -> None:
        """Members of the contract (trainer-progress.schema.json); the time between two steps is measured here."""
        with self._lock:
            now, is_step = time.monotonic(), "step" in changes
            if is_step and self._stepped is not None:
                changes["longestStepSeconds"] = max(self._document.get("longestStepSeconds", 0), now - self._stepped)
            self._document |= changes
            training = self._document["phase"] == "training"
            if not training or is_step or self._stepped is None:
                self._stepped = now if training else None

    def document(self) -> dict[str, Any]:
        """The contract's JSON, which has no word for NaN; 100 percent is for the result to say."""
        with self._lock:
            told = {name: it for name, it in self._document.items() if not isinstance(it, float) or isfinite(it)}
        return {**told, "percent": min(99, 100 * told["step"] // max(1, told["steps"]))}


def serve(board: Board, port: int) -> None:
    """Answers until the process ends. Ranks that share an address share the port: the first one speaks for all."""

    class Handler(BaseHTTPRequestHandler):
        timeout = 5

        def do_GET(self) -> None:
            path = self.path.split("?")[0]
            # A Prometheus that is sent to all workers takes one without metrics for one that is there.
            body = as_json(board.document()) if path == "/progress" else b""
            self.send_response(200 if path in ("/progress", "/metrics") else 404)
            self.send_header("Content-Type", "application/json" if body else "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...  # A question every second is no news.

    try:
        threading.Thread(target=ThreadingHTTPServer(("", port), Handler).serve_forever, daemon=True).start()
    except OSError as error:
        print(f"progress is not served on port {port}: {error.strerror}", flush=True)
