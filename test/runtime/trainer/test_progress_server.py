"""GET /progress and /metrics, over HTTP."""

from __future__ import annotations

import contextlib
import json
import math
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest
from limbeck_trainer.progress import Board
from limbeck_trainer.progress_server import serve_progress
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families
from support import free_port, without_ipv6


@contextlib.contextmanager
def served(board: Board) -> Iterator[int]:
    """The port where it is served until the end of the block."""
    port = free_port()
    server = serve_progress(board, port)
    try:
        yield port
    finally:
        server.shutdown()
        server.server_close()


def test_is_served_as_it_changes() -> None:
    board = Board()
    with served(board) as port:
        for step in (1, 2):
            board.update(phase="training", step=step, steps=4)
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/progress") as answer:
                assert answer.headers["Content-Type"] == "application/json"
                assert json.load(answer)["percent"] == 25 * step
        with pytest.raises(urllib.error.HTTPError, match="404") as refused:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/other")
        assert json.load(refused.value) == {"error": "there are only /progress and /metrics"}


def asked(host: str, port: int) -> int:
    with urllib.request.urlopen(f"http://{host}:{port}/progress") as answer:
        status: int = answer.status
        return status


def test_is_served_on_ipv6_too_by_which_the_operator_asks_where_the_cluster_has_it_first() -> None:
    with served(Board()) as port:
        assert [asked(host, port) for host in ("127.0.0.1", "[::1]")] == [200, 200]


def test_is_served_on_ipv4_alone_where_the_kernel_has_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    without_ipv6(monkeypatch)
    with served(Board()) as port:
        assert asked("127.0.0.1", port) == 200


def test_a_figure_that_is_no_number_does_not_hide_the_rest() -> None:
    board = Board()
    with served(board) as port:
        board.update(phase="training", step=3, steps=4, validation={"validationRmse": math.nan})
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/progress") as answer:
            told = json.load(answer, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
        assert (told["step"], told.get("validationRmse")) == (3, None)


def test_metrics_are_served_as_they_change_in_the_format_that_is_asked_for() -> None:
    board = Board()
    with served(board) as port:
        for accepted, parse in (
            ("text/plain", text_string_to_metric_families),
            ("application/openmetrics-text", openmetrics.text_string_to_metric_families),
        ):
            board.update(step=board.progress.step + 1, steps=4)
            request = urllib.request.Request(f"http://127.0.0.1:{port}/metrics", headers={"Accept": accepted})
            with urllib.request.urlopen(request) as answer:
                assert answer.headers["Content-Type"].startswith(accepted)
                values = {one.name: one.value for family in parse(answer.read().decode()) for one in family.samples}
            assert values["limbeck_trainer_step"] == board.progress.step
            assert values["process_resident_memory_bytes"] > 1 << 20


def test_a_taken_port_is_an_error() -> None:
    with served(Board()) as port, pytest.raises(OSError, match="in use"):
        serve_progress(Board(), port)
