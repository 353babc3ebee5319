"""What a program tells: how far it is, by GET /progress; and how it ends, by its exit code and termination message."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from math import isfinite
from socket import AF_INET, AF_INET6, create_server, has_dualstack_ipv6
from typing import Any

LIMIT_BYTES = 4096  # The kubelet cuts a termination message here, and a cut JSON says nothing.
EXIT_CODES = {"ConfigInvalid": 78, "DataMissing": 66, "DataInvalid": 65, "NonFiniteLoss": 70, "ParityBroken": 70}
EXIT_CODES |= {"OutOfMemory": 71, "StoreUnavailable": 75, "PeerLost": 75, "Interrupted": 143, "Crashed": 1}
LARGER = "Raise placement.resources.limits.memory in a new job, or take larger GPUs, or a smaller model or batch."


class Failure(Exception):  # noqa: N818 - named after what happened
    """An end with a reason of EXIT_CODES, and one sentence for a person: what, where, the remedy."""

    def __init__(self, reason: str, message: str, step: int | None = None) -> None:
        super().__init__(message)
        self.reason, self.message, self.step, self.exit_code = reason, message, step, EXIT_CODES[reason]
        self.document: dict[str, Any] = {"contractVersion": "v1", "outcome": "failed"}
        self.document |= {"reason": reason, "message": message, **({} if step is None else {"step": step})}


def is_out_of_memory(error: BaseException) -> bool:
    """In Python's way, or in PyTorch's, which has an error of its own for GPUs alone."""
    native = isinstance(error, RuntimeError) and ("out of memory" in str(error) or "allocate memory" in str(error))
    return native or isinstance(error, MemoryError)


def last_words(document: dict[str, Any]) -> bytes:
    """At most LIMIT_BYTES: the message of a failure may be cut, and nothing of a success, which else is refused."""
    content = as_json(document)
    if len(content) <= LIMIT_BYTES:
        return content
    if "message" not in document:
        what = f"The result has {len(content)} bytes, and a termination message takes {LIMIT_BYTES}"
        raise Failure("ConfigInvalid", f"{what}. Leave out intervals, and tensors of artefact, which the manifest has.")
    room = LIMIT_BYTES - len(as_json({**document, "message": ""}))
    return as_json({**document, "message": document["message"][: room // 6]})  # Escapes take up to six bytes.


def as_json(document: dict[str, Any]) -> bytes:
    """ValueError for what is no finite number: JSON has no word for it, and whoever reads would refuse all of it."""
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode(errors="replace")


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

    both = has_dualstack_ipv6()  # The operator asks by whichever address is the pod's first.
    try:
        server = ThreadingHTTPServer(("", port), Handler, bind_and_activate=False)
        server.socket.close()
        server.socket = create_server(("", port), family=AF_INET6 if both else AF_INET, dualstack_ipv6=both)
        threading.Thread(target=server.serve_forever, daemon=True).start()
    except OSError as error:
        print(f"progress is not served on port {port}: {error.strerror}", flush=True)
