"""How much memory this process has left, on the device that it trains on."""

from __future__ import annotations

import os
from pathlib import Path

import torch

from limbeck_trainer.environment import Environment


def free_memory(environment: Environment, device: torch.device) -> int:
    """Bytes: on a GPU those that nobody has, else this process's part of the limit less what it uses already."""
    if device.type == "cuda":
        free, _total = torch.cuda.mem_get_info(device)
        return free
    page = os.sysconf("SC_PAGE_SIZE")
    whole = environment.memory_bytes or page * os.sysconf("SC_PHYS_PAGES")
    resident = int(Path("/proc/self/statm").read_text().split()[1]) * page
    return max(0, whole // environment.local_world_size - resident)
