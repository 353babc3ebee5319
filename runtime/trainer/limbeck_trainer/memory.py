"""How much memory this process has left, on the device that it trains on."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

import torch

from limbeck_trainer.environment import Environment

# The process's memory, each page divided by the number of processes that have it.
ROLLUP = Path("/proc/self/smaps_rollup")
PSS = re.compile(r"^Pss:\s+(\d+) kB$", re.MULTILINE)


def free_memory(environment: Environment, device: torch.device) -> int:
    """Bytes: on a GPU those that nobody has, else this process's part of the limit less its part of what is used."""
    if device.type == "cuda":
        free, _total = torch.cuda.mem_get_info(device)
        return free
    page = os.sysconf("SC_PAGE_SIZE")
    whole = environment.memory_bytes or page * os.sysconf("SC_PHYS_PAGES")
    return max(0, whole // environment.local_world_size - used_memory())


def used_memory() -> int:
    """Bytes of this process; samples that the processes of a pod share, and libraries, are counted once among them."""
    # Not every sandbox tells so much.
    with contextlib.suppress(OSError):
        if (share := PSS.search(ROLLUP.read_text())) is not None:
            return int(share.group(1)) * 1024
    # Whole pages, then, whoever else has them.
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
