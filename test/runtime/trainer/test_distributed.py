"""What counts as a lost peer, and a group of one. Real groups are in test_main.py."""

from __future__ import annotations

import socket
from datetime import timedelta

import pytest
import torch
import torch.distributed as dist
from limbeck_trainer.distributed import RENDEZVOUS_SECONDS, Peers, await_listener
from limbeck_trainer.environment import Environment
from limbeck_trainer.errors import Reason, TrainerError
from support import Hours, alone


class Pair(Peers):
    """Rank 1 of two that never met."""

    def _join(self, environment: Environment) -> None:
        """Does not."""


def pair() -> Pair:
    return Pair(Environment(1, 2, "host", 29500, 1, alone().result_file))


@pytest.mark.parametrize(
    "text",
    [
        "[./gloo/transport/tcp/pair.cc:534] Connection closed by peer [10.0.0.1]:41234",
        "Connection reset by peer",
        "NCCL error in: ProcessGroupNCCL.cpp",
        "[../third_party/gloo] Timed out waiting 120000ms for recv operation to complete",
        "recvValue failed on SocketImpl(fd=4): Broken pipe",
    ],
)
def test_a_broken_connection_is_a_lost_peer(text: str) -> None:
    with pytest.raises(TrainerError, match="Another worker went away") as caught, pair().guard():
        raise RuntimeError(text)
    assert caught.value.reason is Reason.PEER_LOST


@pytest.mark.parametrize("text", ["mat1 and mat2 shapes cannot be multiplied", "CUDA out of memory"])
def test_an_error_of_our_own_is_never_blamed_on_a_peer(text: str) -> None:
    with pytest.raises(RuntimeError, match=text), pair().guard():
        raise RuntimeError(text)


def test_a_group_of_one_blames_nobody_and_opens_nothing() -> None:
    peers = Peers(alone())
    with pytest.raises(RuntimeError, match="gloo"), peers.guard():
        raise RuntimeError("gloo")
    assert peers.leads
    assert peers.broadcast(b"x") == b"x"
    assert peers.sum(torch.tensor([3])).tolist() == [3]
    assert peers.wrap(model := torch.nn.Linear(1, 1)) is model


@pytest.mark.parametrize(("gpus", "backend"), [(0, "gloo"), (1, "nccl")])
def test_a_group_speaks_by_what_its_devices_have_and_waits_for_a_time_that_is_said(
    monkeypatch: pytest.MonkeyPatch, gpus: int, backend: str
) -> None:
    seen: list[dict[str, object]] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpus > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    monkeypatch.setattr(torch.cuda, "set_device", lambda _device: None)
    monkeypatch.setattr(dist, "TCPStore", lambda *_place, **how: seen.append(how))
    monkeypatch.setattr(dist, "init_process_group", lambda name, **how: seen.append({"backend": name, **how}))
    Peers(Environment(0, 2, "host", 29500, 1, alone().result_file))
    meeting, group = seen
    assert (meeting["timeout"], meeting["is_master"]) == (timedelta(hours=6), True)
    assert (group["backend"], group["timeout"]) == (backend, timedelta(seconds=600))


class Listener:
    """What a socket has of a rank 0 that is there from a moment on; each try asks the DNS of the cluster."""

    def __init__(self, hours: Hours, since: float) -> None:
        self._hours, self._since, self.tries = hours, since, 0

    def connect(self, _address: object, timeout: float) -> socket.socket:
        self.tries += 1
        if self._hours.now < self._since:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return socket.socket()


@pytest.mark.parametrize(("since", "tries", "late"), [(0, 1, 0), (0.1, 3, 0.06), (60, 66, 1), (3600, 3606, 1)])
def test_rank_0_is_found_soon_and_the_dns_is_not_flooded_until_then(
    monkeypatch: pytest.MonkeyPatch, since: float, tries: int, late: float
) -> None:
    listener = Listener(hours := Hours(), since)
    monkeypatch.setattr(socket, "create_connection", listener.connect)
    await_listener("digits-a1-0", 29500, lambda: hours.now, hours.sleep)
    assert listener.tries <= tries
    assert since <= hours.now <= since + late


def test_a_rank_0_that_never_listens_is_a_lost_peer(monkeypatch: pytest.MonkeyPatch) -> None:
    listener = Listener(hours := Hours(), float("inf"))
    monkeypatch.setattr(socket, "create_connection", listener.connect)
    with pytest.raises(TrainerError, match="Rank 0 did not listen on host:29500 within 21600 s") as caught:
        await_listener("host", 29500, lambda: hours.now, hours.sleep)
    assert caught.value.reason is Reason.PEER_LOST
    assert (hours.pauses[:6], max(hours.pauses)) == ([0.05, 0.1, 0.2, 0.4, 0.8, 1], 1)
    assert RENDEZVOUS_SECONDS <= hours.now <= RENDEZVOUS_SECONDS + 1


def test_shares_are_disjoint_and_complete() -> None:
    assert pair().share(torch.arange(5)).tolist() == [1, 3]
    assert Peers(alone()).share(torch.arange(3)).tolist() == [0, 1, 2]


@pytest.mark.parametrize(("count", "most"), [(0, 4), (1, 4), (2, 4), (7, 2), (12, 5)])
def test_what_is_evaluated_is_shared_in_runs_of_as_many_parts(count: int, most: int) -> None:
    """A part may be a collective, which a rank that had fewer of them would leave the others in."""
    ranks = [Pair(Environment(rank, 2, "host", 29500, 1, alone().result_file)) for rank in range(2)]
    parts = [rank.share_in_parts(torch.arange(count), most) for rank in ranks]
    assert torch.cat([*parts[0], *parts[1]]).tolist() == [*range(count)]
    assert len(parts[0]) == len(parts[1])
    assert max(len(part) for mine in parts for part in mine) <= most
