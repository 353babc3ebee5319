"""versitygw, a real S3 server, over a folder with the bucket `limbeck`."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support import PATIENCE_SECONDS, free_port, stand_still


class Versity:
    """One server at one address; it can be killed and started again."""

    def __init__(self, root: Path, secret: str = "limbeck-secret") -> None:
        binary = os.environ.get("LIMBECK_VERSITYGW") or shutil.which("versitygw")
        assert binary, "set LIMBECK_VERSITYGW to the versitygw binary"
        self._port = free_port()
        self._secret = secret
        keys = ["--access", "limbeck", "--secret", secret]
        self._command = [binary, *keys, "--port", f"127.0.0.1:{self._port}", "--quiet", "posix", str(root)]
        (root / "limbeck").mkdir(parents=True)
        self.start()

    @property
    def pid(self) -> int:
        """Of the process that runs now."""
        return self._process.pid

    @property
    def variables(self) -> dict[str, str]:
        """What a pod would get."""
        return {
            "AWS_ACCESS_KEY_ID": "limbeck",
            "AWS_SECRET_ACCESS_KEY": self._secret,
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self._port}",
        }

    def start(self) -> None:
        """Returns when it listens."""
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", self._port), timeout=1).close()
                return
            except OSError:
                assert time.monotonic() < deadline, "versitygw does not listen"
                time.sleep(0.02)

    def freeze(self) -> None:
        """From now on it is connected to, and says nothing."""
        stand_still(self.pid)

    def kill(self) -> None:
        """As a power cut would."""
        self._process.kill()
        self._process.wait(PATIENCE_SECONDS)


@contextmanager
def versity(root: Path, secret: str = "limbeck-secret") -> Iterator[Versity]:
    """Runs for as long as the block takes."""
    server = Versity(root, secret)
    try:
        yield server
    finally:
        server.kill()
