"""A native thread ends the process as NCCL's watchdog does, by an exception that nobody catches; no GPU is needed."""

from __future__ import annotations

import sys
from pathlib import Path

import jsonschema
import pytest
from support import config_document, contract
from workers import start_program

# A thread of which Python knows nothing, whose first function is std::terminate. The stream is that of a device that
# still waits for another rank, or of one that has failed.
ABORTED = """
import ctypes, os, threading, types, torch
from limbeck_trainer.distributed import Peers
from limbeck_trainer.entry import Ending
from limbeck_trainer.environment import read_environment
from limbeck_trainer.interruption import Interruption
from limbeck_trainer.watchdog import heed_watchdog
class Pair(Peers):
    def _join(self, _environment): pass
def query():
    if os.environ["PROBLEM"]:
        raise RuntimeError(os.environ["PROBLEM"])
peers, interruption = Pair(read_environment(os.environ)), Interruption(Ending().fail)
peers.device = torch.device(os.environ["DEVICE"])
torch.cuda.current_stream = lambda _device: types.SimpleNamespace(query=query)
if os.environ["STOPPED"]:
    interruption._requested.set()
heed_watchdog(peers, interruption)
terminate, thread = ctypes.CDLL("libstdc++.so.6")["_ZSt9terminatev"], ctypes.c_ulong()
ctypes.CDLL(None).pthread_create(ctypes.byref(thread), None, terminate, None)
threading.Event().wait()
"""


def aborted(folder: Path, **variables: str) -> tuple[int, str, str]:
    """Exit code, reason and words of rank 1 of two; '' where it had none."""
    about = {"RANK": "1", "WORLD_SIZE": "2", "DEVICE": "cuda:0", "PROBLEM": "", "STOPPED": "", **variables}
    (worker,) = start_program(folder, config_document(folder.as_uri()), [sys.executable, "-c", ABORTED], 1, about)
    code = worker.exit_code()
    if not worker.result_file.exists():
        return code, "", ""
    result = worker.result()
    jsonschema.validate(result, contract("trainer-result"))
    return code, result["reason"], result["message"]


@pytest.mark.parametrize(
    ("variables", "code", "reason", "words"),
    [
        ({}, 75, "PeerLost", "Another worker went away; see the others for the cause. Rank 1 saw: NCCL's watchdog"),
        ({"STOPPED": "yes"}, 143, "Interrupted", "Stopped by SIGTERM, after which another worker went away."),
        (
            {"PROBLEM": "CUDA error: an illegal memory access was encountered\nFor debugging consider"},
            1,
            "Crashed",
            "The device of rank 1 failed: CUDA error: an illegal memory access was encountered",
        ),
    ],
    ids=["a lost peer", "a lost peer after SIGTERM", "a device that failed"],
)
def test_what_the_watchdog_of_nccl_ends_has_words(
    tmp_path: Path, variables: dict[str, str], code: int, reason: str, words: str
) -> None:
    ended, told, message = aborted(tmp_path, **variables)
    assert (ended, told) == (code, reason)
    assert message.startswith(words)
    assert not message.endswith("consider")


@pytest.mark.parametrize("variables", [{"DEVICE": "cpu"}, {"WORLD_SIZE": "1", "RANK": "0"}], ids=["gloo", "alone"])
def test_where_nccl_is_not_spoken_a_native_crash_stays_one(tmp_path: Path, variables: dict[str, str]) -> None:
    assert aborted(tmp_path, **variables) == (-6, "", "")
