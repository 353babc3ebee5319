"""Answers, from a thread of every rank, GET /progress, which the operator asks for, and /metrics, for a Prometheus."""

from __future__ import annotations

import threading
from http.server import ThreadingHTTPServer
from socket import AF_INET, AF_INET6, create_server, has_dualstack_ipv6

from prometheus_client import MetricsHandler

from limbeck_trainer.json_text import json_bytes
from limbeck_trainer.metrics import registry_of
from limbeck_trainer.progress import Board


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # Of a frozen process the kernel still accepts this many connections: that tells it from one that is gone.
    request_queue_size = 128

    def server_bind(self) -> None:
        """On IPv6 and IPv4, for the operator asks by the pod's first address; on IPv4 alone where there is no other."""
        both = has_dualstack_ipv6()
        self.socket.close()
        self.socket = create_server(self.server_address[:2], family=AF_INET6 if both else AF_INET, dualstack_ipv6=both)

    def handle_error(self, request: object, client_address: object) -> None:
        """Says nothing: who asked is gone, for the answer came too late."""


def serve_progress(board: Board, port: int) -> ThreadingHTTPServer:
    """Answers on every address until the process ends; OSError if the port is taken."""

    class Handler(MetricsHandler):
        timeout = 5
        registry = registry_of(board)

        def do_GET(self) -> None:  # noqa: N802 - http.server calls it so
            path = self.path.split("?")[0]
            if path == "/metrics":
                super().do_GET()
            elif path == "/progress":
                self._answer(200, board.progress.document())
            else:
                self._answer(404, {"error": "there are only /progress and /metrics"})

        def _answer(self, status: int, document: dict[str, object]) -> None:
            body = json_bytes(document)
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = _Server(("", port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server
