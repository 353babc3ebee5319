"""A program of one's own and a store that is away for a while, refuses, or has no such object."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from types import ModuleType, SimpleNamespace
from typing import Any

import jsonschema
import pytest
from custom_programs import PACKAGE, document, module_of_package
from support import Hours, contract
from web_server import Quiet, web_server
from workers import start_program

PAGE = "<ListBucketResult><Name>limbeck</Name><Contents><Key>runs/{}</Key></Contents></ListBucketResult>"
ANSWERS = {"put": b"", "get": b"state", "listed": PAGE.format("one").encode(), "delete": b""}
VARIABLES = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_REGION": "us-east-1"}


class Away(Quiet, BaseHTTPRequestHandler):
    """Answers 503, or breaks off, until it is there; then with what it is told."""

    hours, until, status, code, body = Hours(), 0.0, 200, b"", b""
    breaks_off = False
    tries: list[str]

    def do_GET(self) -> None:
        self._answer()

    def do_PUT(self) -> None:
        self._answer()

    def do_DELETE(self) -> None:
        self._answer()

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.tries.append(self.command)
        is_away = self.hours.now < self.until
        if is_away and self.breaks_off:
            return
        body = b"" if is_away else self.body if self.status == 200 else b"<Error><Code>%s</Code></Error>" % self.code
        self.send_response(503 if is_away else self.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """limbeck_custom.store, by a clock that only its waiting moves, with a server that is Away."""
    module = module_of_package("store", monkeypatch)
    hours = Hours()
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: hours.now, sleep=hours.sleep))
    for name, value in {"hours": hours, "until": 0.0, "status": 200, "body": b"", "breaks_off": False}.items():
        monkeypatch.setattr(Away, name, value)
    monkeypatch.setattr(Away, "tries", [], raising=False)
    with web_server(Away) as port:
        for name, value in {**VARIABLES, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}"}.items():
            monkeypatch.setenv(name, value)
        yield module


def done(store: ModuleType, name: str) -> Any:
    """One operation, with the answer that it takes."""
    Away.body = ANSWERS[name]
    more = (b"state",) if name == "put" else ()
    return getattr(store, name)("s3://limbeck/runs", *more)


EACH = pytest.mark.parametrize("name", ["put", "get", "listed"])


@EACH
@pytest.mark.parametrize("breaks_off", [False, True])
def test_a_store_that_is_away_for_half_a_minute_is_waited_for(store: ModuleType, name: str, breaks_off: bool) -> None:
    Away.until, Away.breaks_off = 30, breaks_off
    expected = {"put": None, "get": b"state", "listed": ["s3://limbeck/runs/one"]}
    assert done(store, name) == expected[name]
    assert 30 <= Away.hours.now <= 33


@EACH
def test_one_that_stays_away_ends_the_program_in_time_to_say_so(store: ModuleType, name: str) -> None:
    """From SIGTERM on it has 45 s."""
    Away.until = 100
    with pytest.raises(Exception, match="The store at s3://limbeck/runs") as caught:
        done(store, name)
    assert (caught.value.reason, caught.value.exit_code) == ("StoreUnavailable", 75)
    assert 36 <= Away.hours.now <= 41


@EACH
def test_one_that_refuses_is_not_asked_again(store: ModuleType, name: str) -> None:
    Away.status, Away.code = 403, b"AccessDenied"
    with pytest.raises(Exception, match="AccessDenied") as caught:
        done(store, name)
    assert (caught.value.reason, len(Away.tries), Away.hours.now) == ("StoreUnavailable", 1, 0)


def test_an_object_that_is_not_there_is_not_waited_for(store: ModuleType) -> None:
    Away.status, Away.code = 404, b"NoSuchKey"
    with pytest.raises(KeyError, match="runs/none"):
        store.get("s3://limbeck/runs/none")
    assert Away.tries == ["GET"]


def test_what_is_only_tidied_up_is_tried_once(store: ModuleType) -> None:
    """It would hold up the training, or take the time that there is after SIGTERM."""
    Away.until = 100
    with pytest.raises(Exception, match="The store at s3://limbeck/runs"):
        done(store, "delete")
    assert (Away.tries, Away.hours.now) == (["DELETE"], 0)
    Away.until = 0
    done(store, "delete")
    assert Away.tries == ["DELETE", "DELETE"]


def test_a_program_whose_store_stays_away_says_so_in_its_last_words(store: ModuleType, tmp_path: Any) -> None:
    program = """
import itertools, types
import limbeck_custom.store
from limbeck_custom import Job
seconds = itertools.count()
limbeck_custom.store.time = types.SimpleNamespace(monotonic=lambda: next(seconds), sleep=lambda _: None)
with Job.start() as job:
    job.save_checkpoint(1, b"state")
"""
    place = {"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "PYTHONPATH": str(PACKAGE)}
    command = [sys.executable, "-c", program]
    (worker,) = start_program(tmp_path, document("s3://limbeck"), command, 1, {**VARIABLES, **place})
    assert worker.exit_code() == 75, worker.log_file.read_text()
    failure = worker.result()
    jsonschema.validate(failure, contract("trainer-result"))
    assert failure["reason"] == "StoreUnavailable"
    assert "/a1/checkpoints/model/step-00000001.pt" in failure["message"]
