"""A commit that a run began with, and that its mirror has no more: given up where the data set is there without it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from hub_server import HubServer, hub_server
from limbeck_trainer.data import load_data
from limbeck_trainer.errors import Reason, TrainerError
from limbeck_trainer.reading.commit import LOOKS, PAUSE_SECONDS
from limbeck_trainer.reading.mirror import bring
from limbeck_trainer.store import Store
from support import Document, Hours, session

FIRST = {"train.csv": b"a,target\n" + b"1,x\n2,y\n" * 30}
SECOND = {"train.csv": b"a,target\n" + b"3,x\n4,y\n" * 30}


@dataclass
class Attempts:
    """Attempts of one run, and the pauses that they made."""

    document: Document
    hours: Hours = field(default_factory=Hours)

    @property
    def pauses(self) -> list[float]:
        return self.hours.pauses

    def read(self) -> str:
        """The digest of what is read."""
        data = bring(session(self.document), self.hours.web())
        return load_data(data.source, Store()).sha256

    def refused(self, words: str) -> Reason:
        with pytest.raises(TrainerError, match=words) as caught:
            self.read()
        return caught.value.reason


@pytest.fixture
def site() -> Iterator[HubServer]:
    with hub_server("shop/letters", FIRST) as server:
        yield server


def attempts(site: HubServer, store: str, **source: object) -> Attempts:
    return Attempts(site.document(store, **source))


@pytest.mark.parametrize("named", ["a branch", "a commit"])
def test_a_commit_that_the_mirror_has_dropped_is_looked_for_some_times_and_given_up(
    site: HubServer, store: str, named: str
) -> None:
    first = site.refs["main"]
    run = attempts(site, store, revision="main" if named == "a branch" else first)
    run.read()
    site.commit(SECOND)
    del site.commits[first]
    words = rf"^The commit {first}, with which this run began, is gone from shop/letters of http.*, which is there "
    assert (
        run.refused(words + r"without it\. Have the mirror fetch it again, and make a new job; or make one ")
        is Reason.DATA_INVALID
    )
    assert run.pauses == [PAUSE_SECONDS] * LOOKS
    # What another run reads is its own affair.
    assert attempts(site, f"{store}/other").read() != ""


def test_it_may_be_gone_from_one_server_of_several_for_a_moment(site: HubServer, store: str) -> None:
    run = attempts(site, store)
    digest = run.read()
    site.commit(SECOND)
    # Only the commit, twice: between, the branch is asked for, and is there.
    site.troubles = ["404", "", "404", ""]
    assert (run.read(), run.pauses) == (digest, [PAUSE_SECONDS] * 2)


def test_where_nothing_of_the_data_set_is_there_it_may_come_back(site: HubServer, store: str) -> None:
    """An address that leads elsewhere for a while, as of a server that is moved, answers 404 to everything."""
    run = attempts(site, store)
    digest = run.read()
    commits, refs, site.commits, site.refs = site.commits, site.refs, {}, {}
    assert run.refused(r"/tree/[0-9a-f]{40} does not exist \(404\)\. Upload it") is Reason.DATA_MISSING
    assert run.pauses == []
    site.commits, site.refs = commits, refs
    assert run.read() == digest


@pytest.mark.parametrize("answer", ["<html>mended until noon", "401"])
def test_what_is_no_answer_of_the_mirror_proves_nothing(site: HubServer, store: str, answer: str) -> None:
    run = attempts(site, store)
    run.read()
    site.troubles = ["404", answer]
    assert run.refused("does not exist") is Reason.DATA_MISSING


def test_that_its_branch_is_gone_too_does_not_hide_that_the_data_set_is_there(site: HubServer, store: str) -> None:
    first = site.commit(SECOND, "v1")
    run = attempts(site, store, revision="v1")
    run.read()
    del site.commits[first], site.refs["v1"]
    assert run.refused(f"The commit {first}, with which") is Reason.DATA_INVALID


def test_a_commit_that_was_never_seen_is_waited_for(site: HubServer, store: str) -> None:
    run = attempts(site, store, revision="0" * 40)
    for _ in range(2):
        assert run.refused(r"/tree/0{40} does not exist") is Reason.DATA_MISSING
    assert run.pauses == []


def test_a_mirror_that_is_away_meanwhile_is_tried_again(site: HubServer, store: str) -> None:
    run = attempts(site, store)
    run.read()
    site.troubles = ["404", *["503"] * 99]
    assert run.refused("did not answer") is Reason.STORE_UNAVAILABLE
