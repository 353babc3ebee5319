"""The group of workers: rendezvous, collectives, and the one error that is never the root cause (a lost peer).

A group of one is no group: every operation is then a local no-op, and nothing is opened.
"""

from __future__ import annotations

import re
import socket
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from limbeck_trainer.environment import Environment
from limbeck_trainer.errors import Reason, TrainerError
from limbeck_trainer.out_of_memory import is_out_of_memory

# Pods of one group may meet hours apart: images are pulled, data is fetched and looked through before. Whoever dies
# meanwhile is seen by the operator, which ends the others; its deadlines are the real bound.
RENDEZVOUS_SECONDS = 6 * 3600
# Between two looks for rank 0: the first pause, of which each next one is twice as long, and the longest. Every process
# of the group asks the cluster's DNS with each look, in all search domains, for a name that may be missing for hours.
FIRST_LOOK_SECONDS, MOST_LOOK_SECONDS = 0.05, 1.0
# Longer than the operator's patience with a frozen rank, five times the longest step, is in most trainings: whoever
# stands still is named then, and not those who wait for it. gloo's own 30 minutes would hide one where nobody asks.
COLLECTIVE_SECONDS = 600
# Of what is sent to all at once.
PIECE_BYTES = 1 << 26

PEER_ERRORS = re.compile(
    r"gloo|nccl|connection (closed|reset|refused|was likely closed)|broken pipe|socket|recvvalue|timed out|wait timeout"
    r"|store",
    re.IGNORECASE,
)


class Peers:
    """This process's view of its group."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self.rank = environment.rank
        self.world_size = environment.world_size
        self.device = device_of(environment)
        if self.world_size > 1:
            with self.guard():
                self._join(environment)

    @property
    def leads(self) -> bool:
        """Whether this is the rank that talks to the world: checkpoints, export, success."""
        return self.rank == 0

    def alone(self) -> Peers:
        """This process as a group of its own, on the same device."""
        return Peers(replace(self._environment, rank=0, world_size=1))

    def share(self, rows: Tensor) -> Tensor:
        """This rank's part of the rows: all ranks' parts are disjoint and complete, nothing is padded."""
        return rows[self.rank :: self.world_size]

    def share_in_parts(self, rows: Tensor, most: int) -> tuple[Tensor, ...]:
        """This rank's run of the rows in parts of at most `most`, as many on every rank: each may be a collective.

        Other than in `share` they follow each other: rows of a stream lie in shards, and a rank reads only its own.
        """
        largest_run = -(-len(rows) // self.world_size)
        mine = torch.tensor_split(rows, self.world_size)[self.rank]
        return torch.tensor_split(mine, max(1, -(-largest_run // most)))

    def wrap(self, model: nn.Module) -> nn.Module:
        """The model with averaged gradients. Buffers are constants of the data and need no broadcast."""
        if self.world_size == 1:
            return model
        with self.guard():
            return DistributedDataParallel(model, broadcast_buffers=False, gradient_as_bucket_view=True)

    def sum(self, value: Tensor) -> Tensor:
        """The sum of `value` over all ranks, the same on every rank."""
        if self.world_size > 1:
            with self.guard():
                dist.all_reduce(value)
        return value

    def any_of(self, *flags: bool) -> tuple[bool, ...]:
        """Of each flag whether any rank says so, the same on every rank."""
        counts = self.sum(torch.tensor(flags, dtype=torch.int32, device=self.device)).tolist()
        return tuple(count > 0 for count in counts)

    def copy(self, tensors: Iterable[Tensor]) -> None:
        """Rank 0's numbers in everybody's tensors."""
        if self.world_size > 1:
            with self.guard():
                for tensor in tensors:
                    dist.broadcast(tensor, src=0)

    def broadcast(self, data: bytes | None) -> bytes | None:
        """Rank 0's bytes on every rank."""
        if self.world_size == 1:
            return data
        with self.guard():
            size = torch.tensor([-1 if data is None else len(data)], device=self.device)
            dist.broadcast(size, src=0)
            if int(size) < 0:
                return None
            content = torch.empty(int(size), dtype=torch.uint8) if data is None else _unwritten(data)
            self._spread(content)
            return content.numpy().tobytes() if data is None else data

    def _spread(self, content: Tensor) -> None:
        """Rank 0's bytes in everybody's tensor, piece by piece: no device need hold them all."""
        for piece in torch.split(content, PIECE_BYTES):
            sent = piece.to(self.device)
            dist.broadcast(sent, src=0)
            if not self.leads:
                piece.copy_(sent)

    @contextmanager
    def guard(self) -> Iterator[None]:
        """Turns a communication error into PeerLost; every other error passes as it is."""
        try:
            yield
        except RuntimeError as error:
            if self.world_size == 1 or is_out_of_memory(error) or not _is_peer_error(error):
                raise
            first_line = str(error).strip().splitlines()[0]
            message = f"Another worker went away; see the others for the cause. Rank {self.rank} saw: {first_line}"
            raise TrainerError(Reason.PEER_LOST, message) from error

    def _join(self, environment: Environment) -> None:
        # Rank 0 is its own neighbour: it need not wait until the cluster's DNS knows it.
        host = "127.0.0.1" if self.leads else environment.master_addr
        if not self.leads:
            await_listener(host, environment.master_port)
        # The store is made here, not by env://, for its own, longer timeout; Debian's torch has no libuv.
        store = dist.TCPStore(  # type: ignore[attr-defined]
            host,
            environment.master_port,
            self.world_size,
            is_master=self.leads,
            timeout=timedelta(seconds=RENDEZVOUS_SECONDS),
            use_libuv=False,
        )
        dist.init_process_group(
            "nccl" if self.device.type == "cuda" else "gloo",
            store=store,
            rank=self.rank,
            world_size=self.world_size,
            timeout=timedelta(seconds=COLLECTIVE_SECONDS),
        )


def device_of(environment: Environment) -> torch.device:
    """A GPU of its own for each process of a machine that has any; NCCL takes no two processes on one."""
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if gpus == 0:
        return torch.device("cpu")
    if gpus < environment.local_world_size:
        message = (
            f"A worker has {environment.local_world_size} processes and {gpus} GPUs, and each needs one of its own."
        )
        raise TrainerError(Reason.CONFIG_INVALID, f"{message} Lower distribution.processesPerWorker.")
    device = torch.device("cuda", environment.local_rank)
    torch.cuda.set_device(device)
    return device


def await_listener(
    host: str,
    port: int,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Waits until rank 0 listens. torch would too, but with pauses of seconds between its tries."""
    deadline, pause = clock() + RENDEZVOUS_SECONDS, FIRST_LOOK_SECONDS
    while clock() < deadline:
        try:
            socket.create_connection((host, port), timeout=2).close()
            return
        except OSError:
            sleep(pause)
            pause = min(2 * pause, MOST_LOOK_SECONDS)
    raise TrainerError(Reason.PEER_LOST, f"Rank 0 did not listen on {host}:{port} within {RENDEZVOUS_SECONDS} s.")


def _unwritten(data: bytes) -> Tensor:
    """These very bytes: a copy of a checkpoint would be as large as the model and its optimiser's state."""
    with warnings.catch_warnings():
        # Who sends does not write.
        warnings.simplefilter("ignore")
        return torch.frombuffer(data, dtype=torch.uint8) if data else torch.empty(0, dtype=torch.uint8)


def _is_peer_error(error: RuntimeError) -> bool:
    return isinstance(error, dist.DistError) or PEER_ERRORS.search(str(error)) is not None
