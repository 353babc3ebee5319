"""Which process of the group this is: the environment, parsed once. Nothing else in the package reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from limbeck_trainer.errors import Reason, TrainerError
from limbeck_trainer.fields import POSITIVE, Bounds, Fields

DEFAULTS = {"RANK": 0, "WORLD_SIZE": 1, "LOCAL_RANK": 0, "LOCAL_WORLD_SIZE": 1, "MASTER_PORT": 29500}
NUMBERS = {*DEFAULTS, "OMP_NUM_THREADS", "LIMBECK_MEMORY_BYTES"}


@dataclass(frozen=True)
class Environment:
    """This process's place in the group, and what the machine grants it."""

    rank: int
    world_size: int
    master_addr: str
    master_port: int
    threads: int | None
    result_file: Path
    # Among the processes of this machine.
    local_rank: int = 0
    local_world_size: int = 1
    # What all processes of this machine together may use; None: all there is.
    memory_bytes: int | None = None
    # A folder that the processes of this machine share; None: this process is its only one.
    scratch: Path | None = None


def read_environment(variables: Mapping[str, str]) -> Environment:
    """torchrun's variables, OMP_NUM_THREADS and those of ours (LIMBECK_*), every mistake named."""
    problems: list[str] = []
    numbers = {
        key: int(value) if value.isdecimal() else value
        for key, value in variables.items()
        if key in NUMBERS and value != ""
    }
    fields = Fields("", {**DEFAULTS, **numbers}, problems)
    environment = Environment(
        rank=fields.integer("RANK"),
        world_size=fields.integer("WORLD_SIZE", POSITIVE),
        master_addr=variables.get("MASTER_ADDR", ""),
        master_port=fields.integer("MASTER_PORT", Bounds(1, 65535)),
        threads=fields.integer("OMP_NUM_THREADS", POSITIVE) if fields.has("OMP_NUM_THREADS") else None,
        result_file=Path(variables.get("LIMBECK_RESULT_FILE") or "/dev/termination-log"),
        local_rank=fields.integer("LOCAL_RANK"),
        local_world_size=fields.integer("LOCAL_WORLD_SIZE", POSITIVE),
        memory_bytes=fields.integer("LIMBECK_MEMORY_BYTES", POSITIVE) if fields.has("LIMBECK_MEMORY_BYTES") else None,
        scratch=Path(variables["LIMBECK_SCRATCH"]) if variables.get("LIMBECK_SCRATCH") else None,
    )
    if environment.world_size > 1 and not environment.master_addr:
        problems.append("MASTER_ADDR is missing")
    if not problems and environment.rank >= environment.world_size:
        problems.append(f"RANK must be less than WORLD_SIZE {environment.world_size}, not {environment.rank}")
    if problems:
        raise TrainerError(Reason.CONFIG_INVALID, f"The environment is not valid: {'; '.join(problems)}.")
    return environment
