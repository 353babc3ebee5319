"""A data set of a mirror of the Hub: one commit, one split, checked; and what mirrors may do wrong."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hub_server import Entry, HubServer, hub_server
from limbeck_trainer.data import load_data
from limbeck_trainer.data_config import Data, Hub
from limbeck_trainer.errors import Reason, TrainerError
from limbeck_trainer.reading.files import open_source
from limbeck_trainer.reading.mirror import bring
from limbeck_trainer.store import Store
from support import Document, Hours, attempt, parquet_of, session
from workers import start_workers


def table(seed: int, rows: int = 60) -> bytes:
    random = np.random.default_rng(seed)
    kinds = np.arange(rows) % 2
    columns = {"a": random.normal(size=rows) + 3 * kinds, "target": [f"kind-{kind}" for kind in kinds]}
    return parquet_of(pa.table(columns))


TRAIN = {f"data/train-0000{number}-of-00003.parquet": table(number) for number in range(3)}
FILES = {
    **TRAIN,
    "data/test-00000-of-00001.parquet": table(9),
    "README.md": b"# Letters",
    "data/train.md": b"of the split, but no data",
    ".gitattributes": b"",
}


@pytest.fixture
def site() -> Iterator[HubServer]:
    with hub_server("shop/letters", FILES) as server:
        yield server


def brought(site: HubServer, store: str, **source: object) -> Data:
    return bring(session(site.document(store, **source)), Hours().web())


def refused(site: HubServer, store: str, words: str, **source: object) -> Reason:
    with pytest.raises(TrainerError, match=words) as caught:
        brought(site, store, **source)
    return caught.value.reason


def test_a_split_is_read_as_the_same_folder_in_the_store(site: HubServer, store: str) -> None:
    for path, content in FILES.items():
        Store().put(f"{store}/letters/{path}", content)
    theirs = load_data(Hub(f"{store}/letters/", "train", None), Store())
    ours = load_data(brought(site, store, sha256=theirs.sha256).source, Store())
    assert (ours.sha256, len(ours.y)) == (theirs.sha256, 180)
    assert np.array_equal(ours.x, theirs.x)
    # Nothing else is fetched, and of the redirections each led to the other host.
    assert site.files_asked() == sorted(TRAIN)
    assert sum(path.startswith("/elsewhere/") for path in site.asked) == 3


def test_a_listing_of_many_pages_is_asked_of_the_mirror_alone(site: HubServer, store: str) -> None:
    many = {f"train/{number:03}.parquet": table(number, 4) for number in range(20)}
    site.commit(many)
    assert [file.path for file in open_source(brought(site, store).source, Store()).files] == sorted(many)
    assert sum("/tree/" in path for path in site.asked) == 7


def test_a_branch_may_have_slashes_and_a_folder_be_named(site: HubServer, store: str) -> None:
    files = {"small/train/0 ä.parquet": table(1), "large/train/0.parquet": table(2), "small.parquet": b""}
    site.commit(files, "refs/convert/parquet")
    data = brought(site, store, revision="refs/convert/parquet", folder="small")
    assert [file.path for file in open_source(data.source, Store()).files] == ["train/0 ä.parquet"]
    assert load_data(data.source, Store()).sha256 != load_data(brought(site, store).source, Store()).sha256


def test_a_page_that_goes_on_nowhere_is_told_as_such(site: HubServer, store: str) -> None:
    site.following = "http://[broken"
    assert refused(site, store, r"goes on at 'http://\[broken\?.*', so it does not answer") is Reason.DATA_INVALID


def test_the_folder_may_be_the_split(site: HubServer, store: str) -> None:
    site.commit({"train/one.parquet": table(1), "test/one.parquet": table(2)})
    assert len(load_data(brought(site, store, folder="train").source, Store()).y) == 60


def test_faults_of_the_network_are_tried_again(site: HubServer, store: str) -> None:
    site.troubles = ["503", "429", "500"]
    assert len(load_data(brought(site, store).source, Store()).y) == 180


def test_a_mirror_that_stays_away_is_unavailable(site: HubServer, store: str) -> None:
    site.troubles = ["503"] * 99
    assert refused(site, store, r"did not answer \(\d+ s\): 503 Service") is Reason.STORE_UNAVAILABLE


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ({"repository": "shop/parcels"}, r"api/datasets/shop/parcels/revision/main does not exist \(404\)\. Upload it"),
        ({"revision": "v2"}, r"/revision/v2 does not exist"),
        ({"revision": "0" * 40}, r"/tree/0{40} does not exist"),
        ({"folder": "other"}, r"/tree/[0-9a-f]{40}/other does not exist"),
        ({"folder": "dat"}, r"^The data set dat of shop/letters at [0-9a-f]{12} of http.* does not exist\. Upload"),
    ],
)
def test_what_is_not_there_may_still_come(site: HubServer, store: str, source: Document, words: str) -> None:
    assert refused(site, store, words, **source) is Reason.DATA_MISSING
    # Nobody has fixed a commit that has nothing to read.
    site.commit({"other/train.parquet": table(1), "dat/train.parquet": table(1)})
    if "folder" in source:
        assert len(load_data(brought(site, store, **source).source, Store()).y) == 60


@pytest.mark.parametrize("status", ["401", "403"])
def test_only_what_is_open_is_read(site: HubServer, store: str, status: str) -> None:
    site.troubles = [status]
    words = rf"answers {status} \w+\. Only data sets that are open without credentials are read"
    assert (refused(site, store, words), len(site.asked)) == (Reason.DATA_INVALID, 1)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("<html>", "answers no JSON"),
        ("[" * 200_000, "answers no JSON"),
        ('{"sha": "main"}', "names no commit"),
        ("[]", "names no commit"),
    ],
)
def test_what_is_no_mirror_is_told_as_such(site: HubServer, store: str, body: str, words: str) -> None:
    site.troubles = [body]
    assert refused(site, store, f"/revision/main {words}, so it does not answer as the Hub") is Reason.DATA_INVALID


def test_a_listing_must_be_one(site: HubServer, store: str) -> None:
    site.troubles = [json.dumps({"sha": site.refs["main"]}), "{}"]
    assert refused(site, store, "lists no files, so it does not answer as the Hub") is Reason.DATA_INVALID


def first_with(**changes: object) -> Callable[[list[Entry]], list[Entry]]:
    """The listing with other words of the first file of the split."""

    def tells(entries: list[Entry]) -> list[Entry]:
        first = next(entry for entry in entries if entry["path"] in TRAIN)
        return [{**entry, **changes} if entry is first else entry for entry in entries]

    return tells


def one_more(path: str) -> Callable[[list[Entry]], list[Entry]]:
    return lambda entries: [*entries, {"type": "file", "path": path, "size": 1, "oid": "0" * 40}]


ODD = ["../../x", "data/../../train.parquet", "/etc/train.csv", "train//x", "train/.", "", "train/\ud800", "\0", "t\n"]


@pytest.mark.parametrize(
    ("tells", "words"),
    [
        (
            first_with(lfs={"oid": "0" * 64}),
            r"train-00000.* has the sha256 [0-9a-f]{64}, not 0{64} as its mirror annou",
        ),
        (first_with(size=3), r"train-00000-of-00003\.parquet has \d+ bytes, not 3 as its mirror announces"),
        (first_with(size="3"), "/tree/[0-9a-f]{40} lists {'type': 'file', "),
        (first_with(lfs={"oid": "main"}), "lists {'type': 'file', "),
        (first_with(type="link"), "lists {'type': 'link', "),
        (lambda entries: [*entries, 7], "lists 7, so it does not answer as the Hub does"),
        (one_more(f"{min(TRAIN)}/x"), "lists 'data/train-00000-of-00003.parquet' as a file and as a folder"),
        *((one_more(path), "which no repository can hold") for path in [*ODD, "x" * 256, "ä" * 128, "train/" * 200]),
    ],
)
def test_what_is_listed_wrongly_is_refused(site: HubServer, store: str, tells: Any, words: str) -> None:
    site.tells = tells
    assert refused(site, store, words) is Reason.DATA_INVALID


def test_nothing_is_written_beside_the_scratch_volume(
    site: HubServer, store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    site.tells = lambda entries: [*one_more("data/../../../train-x.parquet")(entries)]
    refused(site, store, "no repository can hold")
    assert (site.files_asked(), list(tmp_path.rglob("*train*"))) == ([], [])


def test_more_than_the_limit_is_refused_before_it_is_fetched(site: HubServer, store: str) -> None:
    size = sum(map(len, TRAIN.values()))
    words = rf"has {size} bytes in the split 'train', more than {size - 1}\. Raise data\.source\.hf\.mirror\.limitMi\."
    assert (refused(site, store, words, limitBytes=size - 1), site.files_asked()) == (Reason.DATA_INVALID, [])
    assert len(load_data(brought(site, store, limitBytes=size).source, Store()).y) == 180


def test_more_than_was_announced_is_given_up_where_the_limit_of_all_ends(site: HubServer, store: str) -> None:
    *others, last = TRAIN
    site.tells = lambda entries: [{**entry, "size": 1} if entry["path"] == last else entry for entry in entries]
    site.commit({**TRAIN, last: table(2, 60_000)})
    limit = sum(len(TRAIN[path]) for path in others) + 100
    assert refused(site, store, r"00002-of-.* has more than 100 bytes\. Raise", limitBytes=limit) is Reason.DATA_INVALID
    assert site.files_asked() == sorted(TRAIN)


def test_a_listing_without_end_is_given_up(site: HubServer, store: str) -> None:
    site.tells = lambda entries: entries * 101
    assert refused(site, store, "or in more than 200 pages. Name a folder in") is Reason.DATA_INVALID
    entry = {"type": "file", "path": "train.csv", "size": 1}
    site.troubles = [json.dumps({"sha": site.refs["main"]}), json.dumps([entry] * 100_001)]
    assert refused(site, store, "lists more than 100000 files, or in") is Reason.DATA_INVALID


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (
            {"data/test.parquet": b""},
            r"shop/letters at [0-9a-f]{12} of .* has no file of the split 'train'; it has data",
        ),
        ({"train.csv": b"", "train.parquet": b""}, r"has files of several formats \(csv, parquet\)\. Set data\.format"),
        ({"train.md": b""}, "has no file of a known format"),
    ],
)
def test_what_cannot_be_read_is_not_fetched(site: HubServer, store: str, files: dict[str, bytes], words: str) -> None:
    site.commit(files)
    assert (refused(site, store, words), site.files_asked()) == (Reason.DATA_INVALID, [])


def test_another_digest_is_refused_as_of_any_folder(site: HubServer, store: str) -> None:
    data = brought(site, store, sha256="0" * 64)
    with pytest.raises(TrainerError, match=r"shop/letters at [0-9a-f]{12} of http.* has the sha256 .*, not 0000"):
        load_data(data.source, Store())


def test_a_later_attempt_reads_the_commit_of_the_first(site: HubServer, store: str) -> None:
    first = load_data(brought(site, store).source, Store()).sha256
    moved = site.commit({"train.parquet": table(7)})
    assert load_data(brought(site, store).source, Store()).sha256 == first
    other = load_data(brought(site, f"{store}/other").source, Store()).sha256
    named = load_data(brought(site, store, revision=moved).source, Store()).sha256
    assert other == named != first


def test_workers_that_hear_of_different_commits_end_and_agree_in_the_next_attempt(
    site: HubServer, store: str, tmp_path: Path
) -> None:
    commits = [site.refs["main"], site.commit({"train.parquet": table(7)})]
    count, both = itertools.count(), threading.Barrier(2)

    def resolves(_revision: str) -> str | None:
        number = next(count)
        both.wait(60)
        return commits[number]

    site.resolves = resolves
    document = site.document(store)
    workers = start_workers(tmp_path / "first", document, 2)
    assert [worker.exit_code() for worker in workers] == [75, 75], workers[0].log_file.read_text()
    for worker in workers:
        assert worker.result()["reason"] == "StoreUnavailable"
        assert "The workers have read different data: rank 0 has the sha256" in worker.result()["message"]
    workers = start_workers(tmp_path / "second", attempt(document, 2), 2)
    assert [worker.exit_code() for worker in workers] == [0, 0], workers[0].log_file.read_text()
    assert next(count) == 2


def test_a_pod_of_several_processes_fetches_a_stream_once(site: HubServer, store: str, tmp_path: Path) -> None:
    document = site.document(store)
    document["data"]["stream"] = {"window": 1}
    variables = {"LOCAL_WORLD_SIZE": "2", "GROUP_RANK": "0", "WORLD_SIZE": "2", "RANK": ""}
    (pod,) = start_workers(tmp_path / "pod", document, 1, variables)
    assert pod.exit_code() == 0, pod.log_file.read_text()
    assert (pod.count("workers met"), pod.count("data fetched"), site.files_asked()) == (2, 1, sorted(TRAIN))
