"""How a model is spread over the processes of a group, and why. Pure: numbers in, a choice and a sentence out."""

from __future__ import annotations

from dataclasses import dataclass

# float32 weights and gradients, and what the optimiser keeps for each weight.
BYTES_PER_PARAMETER = {"sgd": 8, "adam": 16, "adamw": 16}
# Of a weight, of its gradient, and of its value in the best epoch.
NUMBER_BYTES = 4
# The rest is for activations, batches and what the collectives need.
USABLE_SHARE = 0.6


@dataclass(frozen=True)
class Facts:
    """What the choice depends on; `memory_bytes` is what one process has left for the training.

    A checkpoint is of the whole model, and is held twice while it is written and while a run goes on from it: as
    tensors, and as the bytes of its file. `host_bytes` is what a process has left for that where it is another memory
    than the one that the training uses: the machine's, not the GPU's. `keeps_best`: early stopping keeps weights, too.
    """

    parameters: int
    optimizer: str
    world_size: int
    memory_bytes: int
    host_bytes: int | None = None
    keeps_best: bool = False

    @property
    def state_bytes(self) -> int:
        """Weights, gradients and what the optimiser keeps."""
        return self.parameters * BYTES_PER_PARAMETER[self.optimizer]

    @property
    def checkpoint_bytes(self) -> int:
        """Twice all but the gradients."""
        best = self.parameters * NUMBER_BYTES if self.keeps_best else 0
        return 2 * (self.state_bytes - self.parameters * NUMBER_BYTES + best)

    def needed(self, parts: int) -> float:
        """Bytes in the process that has most to hold, where the model is divided into so many parts."""
        # Before it is divided each process has it whole.
        divided = max(self.state_bytes / parts, self.parameters * NUMBER_BYTES)
        if self.host_bytes is not None:
            return divided
        # Undivided, what the optimiser keeps is among the checkpoint's tensors itself.
        beside = 2 * self.parameters * NUMBER_BYTES if parts == 1 else divided
        return beside + self.checkpoint_bytes


@dataclass(frozen=True)
class Choice:
    """`strategy` is alone, ddp (each process holds the whole model) or fsdp (each a part); `why` is a sentence.

    `fits_one` tells whether one process may hold all that a training needs, but for a checkpoint.
    """

    strategy: str
    why: str
    fits_one: bool = True


def choose_strategy(requested: str, facts: Facts) -> Choice:
    """What distribution.strategy asks for, or the simplest that fits: dividing a model costs communication."""
    if facts.world_size == 1:
        return Choice("alone", "One process: nothing is divided.")
    usable = facts.memory_bytes * USABLE_SHARE
    fits_one = requested == "ddp" or facts.state_bytes <= usable
    if requested != "auto":
        return Choice(requested, "distribution.strategy says so.", fits_one)
    state = f"Weights, gradients and optimiser state of {facts.parameters:,} parameters take {_size(facts.state_bytes)}"
    if facts.host_bytes is None:
        state += f", and {_size(facts.needed(1))} while a checkpoint is written or read"
    room = f"{_size(usable)}, {USABLE_SHARE:.0%} of the memory that a process has left"
    if facts.needed(1) <= usable:
        return Choice("ddp", f"{state}, which fit into {room}: every process holds the whole model.")
    part = facts.state_bytes / facts.world_size
    divided = f"{state}, more than {room}: each of {facts.world_size} processes holds a part, {_size(part)}"
    if facts.needed(facts.world_size) <= usable:
        return Choice("fsdp", f"{divided}.", fits_one)
    even_that = "Even that may not fit: raise the memory limit or distribution.workers."
    return Choice("fsdp", f"{divided}. {even_that}", fits_one)


def shortage(requested: str, facts: Facts) -> str | None:
    """Why a model cannot be trained here however it is spread, with the figures and the remedy; None if it may.

    What is known to be too little, and no more.
    """
    what, host = f"has {facts.parameters:,} parameters", facts.host_bytes
    needed = facts.needed(1 if requested == "ddp" else facts.world_size)
    if needed > facts.memory_bytes:
        problem = f"to train and save it takes at least {_size(needed)} in each process"
        room = f"{_size(facts.memory_bytes)} are left"
        remedy = "Raise placement.resources.limits.memory" if host is None else "Take larger GPUs"
        return f"{what}: {problem}, and {room}. {remedy}, or take a smaller model."
    if host is None or facts.checkpoint_bytes <= host:
        return None
    problem = "to write a checkpoint and to go on from it takes at least"
    need = f"{problem} {_size(facts.checkpoint_bytes)} of the machine's memory in each process"
    remedy = "Raise placement.resources.limits.memory, or take a smaller model."
    return f"{what}: {need}, and {_size(host)} are left. {remedy}"


def _size(count: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.3g} {unit}"
        count /= 1024
    return f"{count:.3g} TiB"
