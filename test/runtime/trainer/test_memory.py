"""What a process has left: its part of the limit, and what it shares with others is not counted as its own alone."""

from __future__ import annotations

import mmap
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import torch
from limbeck_trainer.memory import free_memory, used_memory
from support import alone

MIB = 2**20
CPU = torch.device("cpu")
# Has every page of a file in its memory until it is told to end.
HOLD = """
import mmap, sys
with open(sys.argv[1], "rb") as file:
    pages = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
sum(pages[place] for place in range(0, len(pages), 4096))
print("held", flush=True)
sys.stdin.read()
"""


def test_processes_of_a_machine_have_equal_parts_of_the_limit() -> None:
    one = free_memory(replace(alone(), memory_bytes=64 * 1024 * MIB), CPU)
    two = free_memory(replace(alone(), memory_bytes=64 * 1024 * MIB, local_world_size=2), CPU)
    assert abs(one - two - 32 * 1024 * MIB) < 16 * MIB
    assert free_memory(replace(alone(), memory_bytes=MIB), CPU) == 0


def test_pages_that_others_have_too_are_counted_once_among_all(tmp_path: Path) -> None:
    path, size = tmp_path / "samples", 64 * MIB
    path.write_bytes(os.urandom(size))
    before = used_memory()
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as pages:
        sum(pages[place] for place in range(0, size, 4096))
        mine = used_memory() - before
        command = [sys.executable, "-c", HOLD, str(path)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
            assert other.stdout is not None
            other.stdout.readline()
            both = used_memory() - before
            other.communicate("")
    assert abs(mine - size) < 8 * MIB
    assert abs(both - size / 2) < 8 * MIB
