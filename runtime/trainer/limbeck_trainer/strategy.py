"""How a model is spread over the processes of a group, and why. Pure: numbers in, a choice and a sentence out."""

from __future__ import annotations

from dataclasses import dataclass

# float32 weights and gradients, and what the optimiser keeps for each weight.
BYTES_PER_PARAMETER = {"sgd": 8, "adam": 16, "adamw": 16}
# The rest is for activations, batches and what the collectives need.
USABLE_SHARE = 0.6


@dataclass(frozen=True)
class Facts:
    """What the choice depends on; `memory_bytes` is what one process has left for the training."""

    parameters: int
    optimizer: str
    world_size: int
    memory_bytes: int


@dataclass(frozen=True)
class Choice:
    """`strategy` is alone, ddp (each process holds the whole model) or fsdp (each a part); `why` is a sentence."""

    strategy: str
    why: str


def choose_strategy(requested: str, facts: Facts) -> Choice:
    """What distribution.strategy asks for, or the simplest that fits: dividing a model costs communication."""
    needed = facts.parameters * BYTES_PER_PARAMETER[facts.optimizer]
    if facts.world_size == 1:
        return Choice("alone", "There is one process, so nothing is divided.")
    if requested != "auto":
        return Choice(requested, "distribution.strategy says so.")
    state = f"Weights, gradients and optimiser state of {facts.parameters:,} parameters take {_size(needed)}"
    usable = facts.memory_bytes * USABLE_SHARE
    room = f"{_size(usable)}, {USABLE_SHARE:.0%} of the memory that a process has left"
    if needed <= usable:
        return Choice("ddp", f"{state}, which fit into {room}: every process holds the whole model.")
    part = needed / facts.world_size
    divided = f"{state}, more than {room}: each of {facts.world_size} processes holds a part, {_size(part)}"
    if part <= usable:
        return Choice("fsdp", f"{divided}.")
    return Choice("fsdp", f"{divided}. Even that may not fit: raise the memory limit or distribution.workers.")


def shortage(requested: str, facts: Facts, checkpoints_aside: bool) -> str | None:
    """Why a pretrained model cannot be trained here however it is spread, with the figures; None if it may.

    What is known to be too little, and no more: a checkpoint, which is of the whole model, takes as much again while
    it is written, unless it is made `checkpoints_aside`, in another memory than the GPU's.
    """
    parts = 1 if requested == "ddp" else facts.world_size
    copies = 1 / parts + (0 if checkpoints_aside else 1)
    needed = facts.parameters * BYTES_PER_PARAMETER[facts.optimizer] * copies
    if needed <= facts.memory_bytes:
        return None
    what = f"has {facts.parameters:,} parameters: to train and save it takes at least {_size(needed)} in each process"
    return f"{what}, and {_size(facts.memory_bytes)} are left"


def _size(count: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.3g} {unit}"
        count /= 1024
    return f"{count:.3g} TiB"
