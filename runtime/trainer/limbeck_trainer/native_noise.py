"""Keeps one known noise off stderr: 1100 lines that would bury the story of a run.

Debian's torch and onnxruntime share one libonnx; whichever is second finds every operator registered and prints a line
for each. Harmless, and not to be switched off. All other lines pass.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

NOISE = b"Schema error: Trying to register schema with name"


@contextmanager
def without_schema_noise() -> Iterator[None]:
    """Holds back what native code writes to stderr in the block, then writes it without the noise."""
    sys.stderr.flush()
    held, stderr = os.memfd_create("stderr"), os.dup(2)
    os.dup2(held, 2)
    try:
        yield
    finally:
        os.dup2(stderr, 2)
        os.lseek(held, 0, os.SEEK_SET)
        with os.fdopen(held, "rb") as lines:
            rest = [line for line in lines if line.strip() and not line.startswith(NOISE)]
        os.write(2, b"".join(rest))
        os.close(stderr)
