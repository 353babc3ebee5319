"""NCCL has a watchdog: a thread that finds out that another rank is gone, or has waited too long for it. It throws what
it has seen, nobody catches that, and the process ends by SIGABRT (exit code 134) without a word, which would be taken
for a crash of its own. So who is asked before that says what it was.

The main thread never hears of it: it waits for a device that waits for the other rank.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable

import torch

from limbeck_trainer.distributed import Peers
from limbeck_trainer.errors import Reason, TrainerError
from limbeck_trainer.interruption import Interruption

_Handler = ctypes.CFUNCTYPE(None)
# C++ knows a handler's address alone, and would call what is no longer there.
_handlers: list[object] = []


def heed_watchdog(peers: Peers, interruption: Interruption) -> None:
    """Ends the process with words before the watchdog ends it without, in a group that speaks by NCCL."""
    if peers.world_size > 1 and peers.device.type == "cuda":
        before_abort(lambda: interruption.end(_seen(peers, interruption.requested)))


def before_abort(end: Callable[[], object]) -> None:
    """Calls `end`, which should not come back, in the thread whose C++ exception is about to end the process."""
    handler = _Handler(end)
    _handlers.append(handler)
    # std::set_terminate, which torch has from the same library.
    set_terminate = ctypes.CDLL("libstdc++.so.6")["_ZSt13set_terminatePFvvE"]
    set_terminate.argtypes, set_terminate.restype = [_Handler], ctypes.c_void_p
    set_terminate(handler)


def _seen(peers: Peers, interrupted: bool) -> TrainerError:
    """What the watchdog has, as far as that can be told: an error of this rank's own device, or of another rank."""
    problem = _problem_of(peers.device)
    if problem is not None:
        return TrainerError(Reason.CRASHED, f"The device of rank {peers.rank} failed: {problem}")
    what = f"Rank {peers.rank} saw: NCCL's watchdog ended an exchange"
    if interrupted:
        return TrainerError(Reason.INTERRUPTED, f"Stopped by SIGTERM, after which another worker went away. {what}.")
    return TrainerError(Reason.PEER_LOST, f"Another worker went away; see the others for the cause. {what}.")


def _problem_of(device: torch.device) -> str | None:
    """A device that has failed says so to whoever asks anything of it; this question waits for nothing."""
    try:
        torch.cuda.current_stream(device).query()
    except RuntimeError as error:
        return str(error).strip().splitlines()[0]
    return None
