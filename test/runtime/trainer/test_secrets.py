"""The store's secret key is in nothing that a real trainer says, however its store fails it."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Iterator
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path
from urllib.parse import quote

import pytest
from support import Document, config_document, free_port, metrics_of, progress_of, until
from versity import Versity, versity
from workers import Worker, start_workers

# As long as a real one, with the characters that other spellings change. A wrong key begins with it, too.
CANARY = f"canary/{uuid.uuid4().hex}+"
SPELLINGS = (CANARY, quote(CANARY, safe=""), base64.b64encode(CANARY.encode()).decode()[:40], CANARY.encode().hex())
Started = tuple[Worker, Document]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Versity]:
    """A store whose key is the canary."""
    with versity(tmp_path / "s3", CANARY) as server:
        yield server


@pytest.fixture
def frozen(tmp_path: Path) -> Iterator[Versity]:
    """One that takes connections and answers nothing."""
    with versity(tmp_path / "frozen", CANARY) as server:
        server.freeze()
        yield server


def start(folder: Path, bucket: str, server: Versity, **changes: str) -> Started:
    document = config_document(bucket)
    (worker,) = start_workers(folder, document, 1, {**server.variables, **changes})
    return worker, document


def answers_while_running(started: dict[str, Started]) -> dict[str, str]:
    """All answers of GET /progress and /metrics until every process has ended, one of them perhaps in an answer."""
    answers = dict.fromkeys(started, "")

    def all_ended() -> bool:
        for name, (_, document) in started.items():
            with suppress(OSError, HTTPException):
                answers[name] += str(progress_of(document)) + metrics_of(document)
        return all(worker.process.poll() is not None for worker, _ in started.values())

    until(all_ended)
    return answers


def test_the_secret_key_is_in_no_log_result_or_answer(tmp_path: Path, server: Versity, frozen: Versity) -> None:
    started = {
        "good": start(tmp_path / "good", "s3://limbeck", server),
        "refused": start(tmp_path / "refused", "s3://limbeck", server, AWS_SECRET_ACCESS_KEY=f"{CANARY}wrong"),
        "no bucket": start(tmp_path / "bucket", "s3://nowhere", server),
        "away": start(tmp_path / "away", "s3://limbeck", server, AWS_ENDPOINT_URL=f"http://127.0.0.1:{free_port()}"),
        "no address": start(tmp_path / "address", "s3://limbeck", server, AWS_ENDPOINT_URL="not an address"),
        "silent": start(tmp_path / "silent", "s3://limbeck", frozen),
    }
    answers = answers_while_running(started)
    ends = {name: (worker.exit_code(), worker.result().get("reason")) for name, (worker, _) in started.items()}
    assert ends == {"good": (0, None)} | dict.fromkeys(list(started)[1:], (75, "StoreUnavailable"))
    for name, (worker, _) in started.items():
        said = (worker.log_file.read_text(), worker.result_file.read_text(), answers[name])
        assert all(said), name
        assert [spelling for spelling in SPELLINGS for text in said if spelling in text] == [], name
