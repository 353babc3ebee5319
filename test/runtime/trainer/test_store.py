"""Both backends by one contract, and patience with a store that does not answer."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from limbeck_trainer.backends.contract import ObjectMissing
from limbeck_trainer.errors import Reason, TrainerError
from limbeck_trainer.store import Store
from support import Hours, free_port
from versity import versity
from web_server import Quiet, web_server


@pytest.fixture(params=["file", "s3"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A fresh folder in either kind of store."""
    if request.param == "file":
        return (tmp_path / "with space").as_uri().replace("%20", " ")
    request.getfixturevalue("s3")
    return f"s3://limbeck/{tmp_path.name}"


def test_put_get_list_delete(root: str) -> None:
    store = Store()
    for name in ("b/2", "a", "b/1"):
        store.put(f"{root}/{name}", name.encode())
    store.put(f"{root}-beside/c", b"not below the folder")
    assert store.get(f"{root}/b/1") == b"b/1"
    assert store.list(root) == tuple(f"{root}/{name}" for name in ("a", "b/1", "b/2"))
    store.put(f"{root}/a", b"again")
    assert store.get(f"{root}/a") == b"again"
    store.delete(f"{root}/a")
    store.delete(f"{root}/a")
    assert store.list(root) == (f"{root}/b/1", f"{root}/b/2")


def test_what_is_fetched_is_all_that_is_in_the_file(root: str, tmp_path: Path) -> None:
    store, content = Store(), bytes(range(256)) * 10_000
    store.put(f"{root}/large", content)
    store.put(f"{root}/small", b"small")
    with (tmp_path / "file").open("w+b", buffering=0) as file:
        assert store.fetch(f"{root}/large", file) == hashlib.sha256(content).hexdigest()
        assert (tmp_path / "file").read_bytes() == content == file.read()
        assert store.fetch(f"{root}/small", file) == hashlib.sha256(b"small").hexdigest()
        assert (tmp_path / "file").read_bytes() == b"small"


def test_sweeping_leaves_what_is_whole(root: str) -> None:
    store = Store()
    store.sweep(root)
    store.put(f"{root}/.hidden.7x", b"whole")
    store.put(f"{root}/file", b"whole")
    store.sweep(root)
    assert store.get(f"{root}/.hidden.7x") == store.get(f"{root}/file") == b"whole"


def test_a_sweep_that_is_refused_or_in_vain_is_no_failure(s3: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    Store().sweep("s3://no-such-bucket/a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    Store().sweep("s3://limbeck/a")
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    Store().sweep("s3://limbeck/a")


def test_what_is_missing_is_missing(root: str, tmp_path: Path) -> None:
    store = Store()
    with pytest.raises(ObjectMissing):
        store.get(f"{root}/absent")
    with pytest.raises(ObjectMissing), (tmp_path / "file").open("w+b", buffering=0) as file:
        store.fetch(f"{root}/absent", file)
    assert store.list(f"{root}/nothing") == ()


def test_a_missing_bucket_is_a_missing_object(s3: dict[str, str]) -> None:
    with pytest.raises(ObjectMissing):
        Store().get("s3://no-such-bucket/key")


def test_a_missing_bucket_has_nothing_to_list_and_no_place_to_put(s3: dict[str, str]) -> None:
    store = Hours().store(20)
    with pytest.raises(TrainerError, match="it has no bucket no-such-bucket") as listed:
        store.list("s3://no-such-bucket/a")
    with pytest.raises(TrainerError, match="it has no bucket no-such-bucket") as put:
        store.put("s3://no-such-bucket/a", b"")
    assert listed.value.reason is put.value.reason is Reason.STORE_UNAVAILABLE


def test_an_endpoint_that_is_no_address_is_named(s3: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "not an address")
    with pytest.raises(TrainerError, match=r"Invalid endpoint: not an address\. Is AWS_ENDPOINT_URL right"):
        Hours().store(20).get("s3://limbeck/key")


def test_a_store_that_is_away_is_tried_with_growing_pauses(s3: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    hours = Hours()
    with pytest.raises(TrainerError, match=r"failed for 15 s") as caught:
        hours.store(20).get("s3://limbeck/key")
    assert caught.value.reason is Reason.STORE_UNAVAILABLE
    assert hours.pauses == [1, 2, 4, 8]


def test_refused_credentials_are_not_tried_again(s3: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    hours = Hours()
    with pytest.raises(TrainerError, match="refuses the credentials"):
        hours.store(20).get("s3://limbeck/key")
    assert hours.pauses == []


def test_incomplete_variables_are_named(s3: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(key)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(TrainerError, match=r"Are the AWS_\* variables complete\?"):
        Hours().store(20).get("s3://limbeck/key")


@pytest.fixture
def moody() -> Iterator[str]:
    """An S3 server that answers 503, breaks off in the middle, and then gives `at last`."""
    answers = [(503, b""), (200, b"at "), (200, b"at last")]

    class Handler(Quiet, BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = answers.pop(0)
            self.send_response(status)
            self.send_header("Content-Length", str(len(b"at last") if status == 200 else 0))
            self.end_headers()
            self.wfile.write(body)

    with web_server(Handler) as port:
        yield f"http://127.0.0.1:{port}"


def test_a_store_that_comes_back_is_no_failure(moody: str, s3: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", moody)
    hours = Hours()
    assert hours.store(20).get("s3://limbeck/key") == b"at last"
    assert hours.pauses == [1, 2]


def test_a_file_that_breaks_off_is_fetched_anew(
    moody: str, s3: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", moody)
    hours = Hours()
    with (tmp_path / "file").open("w+b", buffering=0) as file:
        digest = hours.store(20).fetch("s3://limbeck/key", file)
        assert (file.read(), digest) == (b"at last", hashlib.sha256(b"at last").hexdigest())
    assert hours.pauses == [1, 2]


@pytest.mark.parametrize("kind", ["file", "s3"])
def test_a_full_store_is_told_with_the_remedy_and_keeps_nothing(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    with contextlib.ExitStack() as running:
        root = small_disk.as_uri()
        if kind == "s3":
            root = "s3://limbeck"
            for key, value in running.enter_context(versity(small_disk)).variables.items():
                monkeypatch.setenv(key, value)
        store = Hours().store(0)
        store.put(f"{root}/small", b"whole")
        used = shutil.disk_usage(small_disk).used
        with pytest.raises(
            TrainerError, match=r"large (failed|refused): .*No space left.*\. Make room in it: "
        ) as caught:
            store.put(f"{root}/large", b"x" * (2 << 20))
        assert caught.value.reason is Reason.STORE_UNAVAILABLE
        with pytest.raises(ObjectMissing):
            store.get(f"{root}/large")
        assert store.get(f"{root}/small") == b"whole"
        assert shutil.disk_usage(small_disk).used <= used + 8192


def test_a_folder_that_cannot_be_written_is_said_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    hours = Hours()
    with pytest.raises(TrainerError, match=r"Not a directory|File exists"):
        hours.store(20).put((tmp_path / "file" / "key").as_uri(), b"")
    assert hours.pauses == []
