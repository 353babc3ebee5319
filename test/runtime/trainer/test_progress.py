"""GET /progress by its contract."""

from __future__ import annotations

import json
import urllib.error
import urllib.request

import jsonschema
import pytest
from limbeck_trainer.progress import Board, Progress, SavedCheckpoint, serve_progress
from support import contract, free_port


@pytest.mark.parametrize(
    "progress",
    [
        Progress(),
        Progress("training", 3, 40, 50, 800, 0.5, 1234.56, 12, SavedCheckpoint(40, "s3://b/k", "ab")),
        Progress("exporting", 40, 40, 800, 800),
    ],
)
def test_every_document_is_valid(progress: Progress) -> None:
    jsonschema.validate(progress.document(), contract("trainer-progress"))


def test_percent_reaches_99_and_leaves_the_rest_to_the_result() -> None:
    assert Progress(step=50, steps=800).document()["percent"] == 6
    assert Progress(step=800, steps=800).document()["percent"] == 99


def test_is_served_as_it_changes() -> None:
    board, port = Board(), free_port()
    server = serve_progress(board, port)
    try:
        for step in (1, 2):
            board.update(phase="training", step=step, steps=4)
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/progress") as answer:
                assert answer.headers["Content-Type"] == "application/json"
                assert json.load(answer)["percent"] == 25 * step
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/other")
    finally:
        server.shutdown()
        server.server_close()


def test_a_taken_port_is_an_error() -> None:
    port = free_port()
    server = serve_progress(Board(), port)
    try:
        with pytest.raises(OSError, match="in use"):
            serve_progress(Board(), port)
    finally:
        server.shutdown()
        server.server_close()
