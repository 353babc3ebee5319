"""A download from a real web server: whole, broken off, too large, moved, absent, refused, or of other bytes."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from limbeck_trainer.data import load_data
from limbeck_trainer.data_config import Columns, Download, Reading
from limbeck_trainer.errors import Reason, TrainerError
from limbeck_trainer.reading.download import download
from limbeck_trainer.reading.web import Web
from limbeck_trainer.store import Patience, Store
from support import Hours, config_document
from web_server import Quiet, web_server
from workers import Worker, start_workers

CONTENT = b"a,target\n" + b"1,x\n2,y\n" * 150_000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@dataclass
class Site:
    """`troubles` are used up one by one before the file is given: a status, perhaps with the patience that it asks for
    ("429 7"), where it sends to ("302 ftp://x"), half of the file ("cut"), or a length that is none ("odd").
    """

    port: int = 0
    troubles: list[str] = field(default_factory=list)
    asked: int = 0
    # The time of day, if it is told.
    date: str | None = None

    def source(self, path: str = "data.csv", sha256: str = SHA256, limit: int = 1 << 24) -> Download:
        return Download(f"http://127.0.0.1:{self.port}/{path}", sha256, limit)


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()

    class Handler(Quiet, BaseHTTPRequestHandler):
        def date_time_string(self, timestamp: float | None = None) -> str:
            return site.date or ""

        def do_GET(self) -> None:
            site.asked += 1
            trouble = site.troubles.pop(0) if site.troubles else ""
            if self.path == "/moved.csv" and not trouble:
                trouble = "302 /data.csv"
            if trouble[:1].isdecimal():
                status, _, said = trouble.partition(" ")
                self.send_response(int(status))
                if said:
                    self.send_header("Location" if status == "302" else "Retry-After", said)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self.send_response(200)
            self.send_header("Content-Length", "many" if trouble == "odd" else str(len(CONTENT)))
            self.end_headers()
            self.wfile.write(CONTENT[: len(CONTENT) // 2] if trouble == "cut" else CONTENT)

    with web_server(Handler) as site.port:
        yield site


@pytest.mark.parametrize("path", ["data.csv", "moved.csv", "data.csv?token=1"])
def test_a_file_comes_whole(site: Site, path: str) -> None:
    assert download(site.source(path)).read() == CONTENT


def test_a_table_is_learnt_from_where_it_is_downloaded(site: Site) -> None:
    dataset = load_data(site.source(), Store())
    assert (dataset.sha256, dataset.labels, len(dataset.y)) == (SHA256, ("x", "y"), 300_000)


def test_faults_of_the_network_are_tried_again(site: Site) -> None:
    site.troubles = ["503", "cut", "500", "cut", "302 http://["]
    hours = Hours()
    assert download(site.source(), hours.web()).read() == CONTENT
    assert (site.asked, hours.pauses) == (6, [0.25, 0.5, 1, 2, 4])


@pytest.mark.parametrize(
    ("trouble", "seconds"),
    [
        ("429", 30),
        ("429 7", 7),
        ("503 90", 90),
        ("503", 0.25),
        ("429 0", 0.25),
        ("429 soon", 30),
        ("503 soon", 0.25),
        ("429 " + "9" * 300, 30),
        ("503 86400", 300),
        # A time of day, by the clock of the server.
        ("429 Sat, 28 Nov 2026 08:00:07 GMT", 7),
        ("503 Saturday, 28-Nov-26 08:01:30 GMT", 90),
        ("503 Sat Nov 28 08:01:30 2026", 90),
        ("429 Sat, 28 Nov 2026 07:00:00 GMT", 0.25),
        ("503 Sun, 29 Nov 2026 08:00:00 GMT", 300),
        ("429 Sat, 99 Nov 2026 08:00:07 GMT", 30),
        ("429 Sat, 28 Nov 99999999 08:00:07 GMT", 30),
        ("503 Sat, 28 Nov 2026 09:00:07 +0100", 7),
        ("503 Sat, 28 Nov 2026 08:00:07 +99999999999", 0.25),
    ],
)
def test_a_server_that_asks_for_patience_gets_it_within_bounds(site: Site, trouble: str, seconds: float) -> None:
    site.troubles, site.date = [trouble], "Sat, 28 Nov 2026 08:00:00 GMT"
    hours = Hours()
    assert download(site.source(), hours.web()).read() == CONTENT
    assert hours.now == seconds


def test_without_the_time_of_the_server_a_date_is_told_by_our_clock(site: Site) -> None:
    """It has long passed, or is in a day."""
    hours = Hours()
    tomorrow = format_datetime(datetime.now(UTC) + timedelta(days=1), usegmt=True)
    site.troubles = ["503 Fri, 01 Jan 1999 00:00:00 GMT", f"503 {tomorrow}"]
    assert download(site.source(), hours.web()).read() == CONTENT
    assert hours.pauses == [0.25, 300]


def test_a_server_that_asks_for_patience_again_and_again_is_given_up(site: Site) -> None:
    site.troubles = ["429"] * 100
    hours = Hours()
    with pytest.raises(TrainerError, match=r"did not answer \(\d+ s\): 429 Too Many Requests"):
        download(site.source(), hours.web())
    assert 300 <= hours.now <= 360


def test_a_length_that_is_none_says_nothing(site: Site) -> None:
    site.troubles = ["odd"]
    assert (download(site.source()).read(), site.asked) == (CONTENT, 1)


@pytest.mark.parametrize("target", ["ftp://127.0.0.1/data.csv", "file:///etc/hostname"])
def test_only_web_servers_are_gone_to(site: Site, target: str) -> None:
    site.troubles = [f"302 {target}"]
    with pytest.raises(TrainerError, match=r"data\.csv answers 302 Found\. Name an address") as caught:
        download(site.source())
    assert (caught.value.reason, site.asked) == (Reason.DATA_INVALID, 1)


def test_the_time_that_a_file_took_before_it_broke_off_is_no_silence(site: Site) -> None:
    site.troubles = ["cut"]
    a_minute_each = Web(Patience(15), lambda: 60.0 * site.asked, lambda _: None)
    assert download(site.source(), a_minute_each).read() == CONTENT


def test_a_file_that_always_breaks_off_is_given_up(site: Site) -> None:
    site.troubles = ["cut"] * 100
    with pytest.raises(TrainerError, match="did not answer") as caught:
        download(site.source(), Hours().web())
    assert caught.value.reason is Reason.STORE_UNAVAILABLE
    assert site.asked < 20


def test_a_server_that_stays_away_is_unavailable() -> None:
    with pytest.raises(TrainerError, match=r"127\.0\.0\.1:9/x did not answer \(8 s\): .*refused") as caught:
        download(Download("http://127.0.0.1:9/x", SHA256, 1), Hours().web(Patience(15)))
    assert caught.value.reason is Reason.STORE_UNAVAILABLE


@pytest.mark.parametrize(
    ("trouble", "reason", "words"),
    [
        ("404", Reason.DATA_MISSING, r"data\.csv does not exist \(404\)\. Upload it"),
        ("410", Reason.DATA_MISSING, r"does not exist \(410\)"),
        ("401", Reason.DATA_INVALID, r"answers 401 Unauthorized\. Name an address"),
        ("403", Reason.DATA_INVALID, r"answers 403 Forbidden"),
    ],
)
def test_an_answer_that_is_no_file(site: Site, trouble: str, reason: Reason, words: str) -> None:
    site.troubles = [trouble]
    with pytest.raises(TrainerError, match=words) as caught:
        download(site.source())
    assert (caught.value.reason, site.asked) == (reason, 1)


def test_other_bytes_are_refused_for_good(site: Site) -> None:
    with pytest.raises(TrainerError, match=f"has the sha256 {SHA256}, not 0000") as caught:
        download(site.source(sha256="0" * 64))
    assert (caught.value.reason, site.asked) == (Reason.DATA_INVALID, 1)


def test_more_than_the_limit_is_given_up(site: Site) -> None:
    with pytest.raises(
        TrainerError, match=r"has more than 1000000 bytes\. Raise data\.source\.https\.limitMi"
    ) as caught:
        download(site.source(limit=1_000_000))
    assert caught.value.reason is Reason.DATA_INVALID


@pytest.mark.parametrize(
    ("troubles", "changes"),
    [
        (["404"], {}),
        (["403"], {}),
        (["503"] * 100, {}),
        (["cut"] * 100, {}),
        ([], {"sha256": "0" * 64}),
        ([], {"limit": 1_000_000}),
        ([], {"path": "data.csv?key=canary in two words"}),
    ],
)
def test_what_signs_an_address_is_in_no_message(site: Site, troubles: list[str], changes: dict[str, Any]) -> None:
    site.troubles = troubles
    with pytest.raises(TrainerError, match=r"127\.0\.0\.1:\d+/data\.csv ") as caught:
        download(site.source(**{"path": "data.csv?key=canary", **changes}), Hours().web())
    assert "canary" not in caught.value.message


def test_what_is_wrong_with_a_signed_file_is_told_without_its_signature(site: Site) -> None:
    with pytest.raises(TrainerError, match=r"/data\.csv has no column 'b'") as caught:
        load_data(site.source("data.csv?key=canary"), Store(), Reading(columns=Columns(target="b")))
    assert "canary" not in caught.value.message


def test_a_full_scratch_volume_is_named(site: Site, small_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(small_disk))
    with pytest.raises(TrainerError, match=r"no room for http://.*No space left on device") as caught:
        download(site.source())
    assert caught.value.reason is Reason.CRASHED
    # Nothing half written is left to keep it full.
    assert shutil.disk_usage(small_disk).used == 0


def pod_of_two(folder: Path, store: str, source: Download) -> Worker:
    """One launcher and its two processes, which learn from the table."""
    https = {"kind": "https", "url": source.url, "sha256": source.sha256, "limitBytes": source.limit_bytes}
    data = {"source": https, "split": {"validation": 0, "test": 0.2, "seed": 1}}
    document = config_document(
        store, model={"kind": "linear"}, data=data, optimization={"epochs": 1, "batchSize": 65536}
    )
    variables = {"LOCAL_WORLD_SIZE": "2", "GROUP_RANK": "0", "WORLD_SIZE": "2", "RANK": ""}
    (pod,) = start_workers(folder, document, 1, variables)
    return pod


def test_a_pod_of_several_processes_downloads_once(site: Site, tmp_path: Path, store: str) -> None:
    pod = pod_of_two(tmp_path / "pod", store, site.source())
    assert pod.exit_code() == 0, pod.log_file.read_text()
    assert (pod.count("workers met"), site.asked) == (2, 1)
    assert pod.result()["lineage"]["dataSha256"] == SHA256


def test_all_processes_of_a_pod_say_why_there_is_no_data(site: Site, tmp_path: Path, store: str) -> None:
    pod = pod_of_two(tmp_path / "pod", store, site.source(sha256="0" * 64))
    assert pod.exit_code() == 65, pod.log_file.read_text()
    ends = [line for line in pod.lines() if line["message"] == "training failed"]
    assert {line["rank"] for line in ends} == {0, 1}
    assert {(line["reason"], line["error"]) for line in ends} == {("DataInvalid", pod.result()["message"])}
    assert (f"has the sha256 {SHA256}, not 0000" in pod.result()["message"], site.asked) == (True, 1)
