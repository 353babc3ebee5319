"""Where a program of one's own tells how far it is."""

from __future__ import annotations

import json
import urllib.request

import pytest
from custom_programs import module_of_package
from support import free_port, without_ipv6


def phase(host: str, port: int) -> str:
    with urllib.request.urlopen(f"http://{host}:{port}/progress") as answer:
        told: str = json.load(answer)["phase"]
        return told


def test_it_is_told_on_ipv6_too_by_which_the_operator_asks_where_the_cluster_has_it_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    progress, port = module_of_package("telling", monkeypatch), free_port()
    progress.serve(progress.Board(), port)
    assert [phase(host, port) for host in ("127.0.0.1", "[::1]")] == ["starting", "starting"]


def test_it_is_told_on_ipv4_alone_where_the_kernel_has_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    progress, port = module_of_package("telling", monkeypatch), free_port()
    without_ipv6(monkeypatch)
    progress.serve(progress.Board(), port)
    assert phase("127.0.0.1", port) == "starting"


def test_ranks_that_share_an_address_share_the_port_and_none_of_them_ends_for_that(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    progress, port = module_of_package("telling", monkeypatch), free_port()
    for _ in range(2):
        progress.serve(progress.Board(), port)
    assert capfd.readouterr().out.startswith(f"progress is not served on port {port}: Address already in use")
