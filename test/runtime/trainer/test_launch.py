"""Several processes in one pod: the ranks they get, and whose end becomes the pod's."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from limbeck_trainer.early import RESULT
from limbeck_trainer.launch import NOTICE_SECONDS, Child, Pod, ended, is_launcher, launch
from support import config_document, free_port, until
from workers import start_workers

SAY_PLACE = """
import json, os
names = ("RANK", "LOCAL_RANK", "WORLD_SIZE")
open(os.environ["PLACES"] + "/" + os.environ["RANK"], "w").write(json.dumps([os.environ[name] for name in names]))
open(os.environ["LIMBECK_RESULT_FILE"], "w").write(os.environ["RANK"])
"""
PEER_LOST, STORE_UNAVAILABLE, INTERRUPTED = (
    json.dumps({"outcome": "failed", "reason": reason}) for reason in ("PeerLost", "StoreUnavailable", "Interrupted")
)
SAY_WHAT_IS_HELD_BACK = """
import os, signal
open(os.environ["LIMBECK_RESULT_FILE"], "w").write(str(signal.pthread_sigmask(signal.SIG_BLOCK, [])))
"""
# Each rank hears SIGTERM as the trainer does, sleeps, then ends as its own entry says: [seconds, exit code or signal,
# result or none].
END_AS_TOLD = """
import json, os, signal, sys, time
signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
seconds, code, result = json.loads(os.environ["ENDS"])[int(os.environ["LOCAL_RANK"])]
time.sleep(seconds)
if result: open(os.environ["LIMBECK_RESULT_FILE"], "w").write(result)
if code < 0: os.kill(os.getpid(), -code)
sys.exit(code)
"""


def run(script: str, folder: Path, count: int, **variables: str) -> tuple[int, str]:
    """Exit code and result of a pod of `count` processes."""
    result = folder / "result"
    group = {**os.environ, "LOCAL_WORLD_SIZE": str(count), "WORLD_SIZE": str(2 * count), **variables}
    handler = signal.getsignal(signal.SIGTERM)
    try:
        code = launch([sys.executable, "-c", script], group, result)
    finally:
        signal.signal(signal.SIGTERM, handler)
    return code, result.read_text() if result.exists() else ""


def test_only_a_pod_of_several_that_has_no_place_yet_is_a_launcher() -> None:
    assert not is_launcher({})
    assert not is_launcher({"LOCAL_WORLD_SIZE": "1"})
    assert is_launcher({"LOCAL_WORLD_SIZE": "2"})
    assert not is_launcher({"LOCAL_WORLD_SIZE": "2", "LOCAL_RANK": "0"})


def test_ranks_are_counted_over_the_pods(tmp_path: Path) -> None:
    """The second pod of three processes has ranks 3, 4 and 5; the lowest speaks for all."""
    code, result = run(SAY_PLACE, tmp_path, 3, GROUP_RANK="1", PLACES=str(tmp_path))
    places = [json.loads((tmp_path / str(rank)).read_text()) for rank in (3, 4, 5)]
    assert places == [["3", "0", "6"], ["4", "1", "6"], ["5", "2", "6"]]
    assert (code, result) == (0, "3")


def test_sigterm_is_held_back_from_a_rank_until_it_can_hear_it_and_never_from_its_launcher(tmp_path: Path) -> None:
    assert run(SAY_WHAT_IS_HELD_BACK, tmp_path, 2) == (0, str({signal.SIGTERM}))
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == set()


@pytest.mark.parametrize(
    ("ends", "code", "result"),
    [
        ([[0, 0, "ok"], [0.3, 0, ""]], 0, "ok"),
        # The peers of who failed end first or last: they are never the cause.
        ([[0, 75, "peer"], [0.5, 65, "data"]], 65, "data"),
        ([[0.5, 75, "peer"], [0, 65, "data"]], 65, "data"),
        ([[0, 143, "stopped"], [0.3, 143, "stopped too"]], 143, "stopped"),
        ([[0, 75, "peer"], [0, 0, "ok"]], 75, "peer"),
        # Who gives up on the store has the exit code of those who lose him.
        ([[0, 75, PEER_LOST], [0.5, 75, STORE_UNAVAILABLE]], 75, STORE_UNAVAILABLE),
        ([[0.5, 75, STORE_UNAVAILABLE], [0, 143, INTERRUPTED]], 75, STORE_UNAVAILABLE),
        ([[0, 75, PEER_LOST], [0.5, 75, PEER_LOST]], 75, PEER_LOST),
        ([[0, 75, PEER_LOST], [0.5, 1, "[]"]], 1, "[]"),
        # Who was asked to end before it could take that over has no reason of its own either.
        ([[0, -signal.SIGTERM, ""], [0.5, 65, "data"]], 65, "data"),
        ([[0, -signal.SIGTERM, ""], [0.3, 143, "stopped"]], 143, RESULT),
    ],
)
def test_the_root_cause_decides(tmp_path: Path, ends: list[list[object]], code: int, result: str) -> None:
    assert run(END_AS_TOLD, tmp_path, 2, ENDS=json.dumps(ends)) == (code, result)


def test_a_killed_process_leaves_words(tmp_path: Path) -> None:
    ends = [[0.5, 75, "peer"], [0, -signal.SIGKILL, ""]]
    code, result = run(END_AS_TOLD, tmp_path, 2, ENDS=json.dumps(ends), GROUP_RANK="2")
    assert code == 137
    said = json.loads(result)
    assert said["reason"] == "Crashed"
    assert "rank 5 was killed by SIGKILL" in said["message"]
    assert "raise placement.resources.limits.memory" in said["message"]


def test_sigterm_reaches_every_process(tmp_path: Path) -> None:
    places = [tmp_path / str(rank) for rank in (0, 1)]
    hears = "import os, signal, time; signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])"
    waits = f'{hears}; open(os.environ["PLACES"] + "/" + os.environ["RANK"], "w"); time.sleep(600)'
    package = Path(__file__).resolve().parents[3] / "runtime" / "trainer"
    starts = f"import os, sys; from pathlib import Path; from limbeck_trainer.launch import launch; \
sys.exit(launch([sys.executable, '-c', {waits!r}], os.environ, Path('{tmp_path}/result')))"
    variables = {**os.environ, "PYTHONPATH": str(package), "LOCAL_WORLD_SIZE": "2", "PLACES": str(tmp_path)}
    pod = subprocess.Popen([sys.executable, "-c", starts], env=variables)
    until(lambda: all(place.exists() for place in places))
    threading.Timer(0.2, pod.terminate).start()
    assert pod.wait(60) == 128 + signal.SIGTERM


# Says that it is there, notes each time that it is asked to end and, if it is one that ends, ends some time after.
WAIT_TO_BE_ASKED = """
import os, signal, time
asked = []
def note(*_): open(os.environ["PLACE"] + ".asked", "a").write("x"); asked.append(1)
signal.signal(signal.SIGTERM, note)
open(os.environ["PLACE"], "w")
while not (asked and os.environ["ENDS"]): time.sleep(0.01)
time.sleep(0.3)
"""


def child(rank: int, folder: Path, script: str, ends: str = "") -> Child:
    place = folder / str(rank)
    variables = {**os.environ, "PLACE": str(place), "ENDS": ends}
    process = subprocess.Popen([sys.executable, "-c", script], env=variables)
    if script is WAIT_TO_BE_ASKED:
        until(place.exists)
    return Child(rank, process, folder / "result")


def test_a_launcher_that_seldom_gets_to_look_forces_nobody_whom_it_has_not_asked(tmp_path: Path) -> None:
    """Between its first look and its second there are minutes."""
    times = itertools.chain([0.0], itertools.repeat(300.0))
    waiting = child(1, tmp_path, WAIT_TO_BE_ASKED, "yes")
    over = ended([waiting, child(0, tmp_path, "import sys; sys.exit(75)")], lambda: next(times))
    assert [(one.rank, one.code) for one in over] == [(0, 75), (1, 0)]
    assert (tmp_path / "1.asked").read_text() == "x"


def test_who_does_not_end_when_asked_is_forced_after_its_time(tmp_path: Path) -> None:
    times = itertools.count(0.0, NOTICE_SECONDS + 1)
    waiting = child(1, tmp_path, WAIT_TO_BE_ASKED)
    over = ended([waiting, child(0, tmp_path, "import sys; sys.exit(75)")], lambda: next(times))
    assert [(one.rank, one.code) for one in over] == [(0, 75), (1, -signal.SIGKILL)]


def test_a_process_that_is_started_after_sigterm_is_asked_too_and_each_once(tmp_path: Path) -> None:
    pod = Pod()
    for rank in (0, 1):
        pod.take(child(rank, tmp_path, WAIT_TO_BE_ASKED, "yes"))
        pod.stop(signal.SIGTERM, None)
    assert [one.code for one in ended(pod.children)] == [0, 0]
    assert [(tmp_path / f"{rank}.asked").read_text() for rank in (0, 1)] == ["x", "x"]


def test_two_real_pods_of_two_train_one_model(tmp_path: Path, store: str) -> None:
    group = {"LOCAL_WORLD_SIZE": "2", "WORLD_SIZE": "4", "RANK": "", "MASTER_PORT": str(free_port())}
    document = config_document(store)
    pods = [start_workers(tmp_path / number, document, 1, {**group, "GROUP_RANK": number})[0] for number in ("0", "1")]
    assert [pod.exit_code() for pod in pods] == [0, 0], "".join(pod.log_file.read_text() for pod in pods)
    assert pods[0].result()["lineage"]["worldSize"] == 4
    met = [{line["rank"] for line in pod.lines() if line["message"] == "workers met"} for pod in pods]
    assert met == [{0, 1}, {2, 3}]
