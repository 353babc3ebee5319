"""Memory that ran out, told from all other trouble: it is no fault of the data, of a peer, or of a model's folder."""

from __future__ import annotations

import errno
import re

from limbeck_trainer.errors import Reason, TrainerError
from limbeck_trainer.progress import Progress
from limbeck_trainer.result import shortened

# PyTorch on a GPU (torch.OutOfMemoryError, cuBLAS, cuDNN), on a CPU, and ONNX Runtime: they say it in words alone.
WORDS = re.compile(
    r"out of memory|(can't|cannot|failed to) allocate memory|_ALLOC_FAILED|bad[ _]alloc",
    re.IGNORECASE,
)
# Whose memory it was.
DEVICE = re.compile(r"cuda|cublas|cudnn|nccl|gpu", re.IGNORECASE)
ONNX_RUNTIME = "onnxruntime"
LONGEST_WORDS = 300


def is_out_of_memory(error: BaseException) -> bool:
    """Whether this error says so, in the way of whichever library it comes from."""
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    if isinstance(error, MemoryError):
        return True
    native = isinstance(error, RuntimeError) or type(error).__module__.startswith(ONNX_RUNTIME)
    return native and WORDS.search(str(error)) is not None


def out_of_memory(error: BaseException, progress: Progress) -> TrainerError:
    """The end for want of memory: as permanent as that of a container that the kernel has killed for it."""
    words = shortened(" ".join(str(error).split()) or type(error).__name__, LONGEST_WORDS).rstrip(".")
    where = f" at step {progress.step} of {progress.steps}" if progress.steps else ""
    return TrainerError(
        Reason.OUT_OF_MEMORY,
        f"Out of memory while {progress.phase}{where}: {words}. {_remedy(words)}",
        progress.step or None,
    )


def _remedy(words: str) -> str:
    if DEVICE.search(words):
        return "In a new job take a profile of larger GPUs, a smaller batchSize, a larger accumulate, or strategy fsdp."
    return "Raise placement.resources.limits.memory in a new job, or take a smaller model or batchSize."
