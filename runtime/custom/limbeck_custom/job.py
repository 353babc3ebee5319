"""The run as the program sees it."""

import contextlib
import hashlib
import json
import os
import re
import signal
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

from limbeck_custom import store
from limbeck_custom.telling import EXIT_CODES, LARGER, Board, Failure, as_json, is_out_of_memory, last_words, serve

PEER_ERRORS = re.compile(r"Dist\w*Error|gloo|nccl|connection (closed|reset|refused|was)|broken pipe|timed out", re.I)
POINTER = re.compile(r"/checkpoints/model/step-(\d+)\.json$")


class Job(contextlib.AbstractContextManager["Job"]):
    """`config` is trainer-config.schema.json; rank and world size torchrun's. Leaving the block ends the process."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.stopping = False  # Set by SIGTERM: write a checkpoint, raise Interrupted. 45 s later the pod is killed.
        self._result_file = Path(environment.get("LIMBECK_RESULT_FILE") or "/dev/termination-log")
        self._result, self._board = b"", Board()
        self.progress = self._board.update  # phase, epoch, epochs, step, steps, loss, ...: whatever changed.

    @classmethod
    def start(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Reads the config, serves progress, and hears SIGTERM; a failure here ends the process as one in the block."""
        job, path = cls(environment), Path(environment.get("LIMBECK_CONFIG", "/etc/limbeck/config.json"))
        try:
            job._begin(json.loads(path.read_bytes()), environment)
        except Exception as error:
            unusable = f"{path}, or RANK or WORLD_SIZE, cannot be used: {error!r}. Give what contract v1 says."
            job.__exit__(None, error if isinstance(error, Failure) else Failure("ConfigInvalid", unusable), None)
        return job

    def _begin(self, config: dict[str, Any], environment: Mapping[str, str]) -> None:
        if config.get("contractVersion") != "v1":
            raise Failure("ConfigInvalid", "This program speaks contract v1. Update limbeck-custom.")
        self.config = config
        self.rank, self.world_size = int(environment.get("RANK", "0")), int(environment.get("WORLD_SIZE", "1"))
        self.run_uri, self.models_uri = (config["store"][name].rstrip("/") for name in ("runUri", "modelsUri"))
        serve(self._board, config["progressPort"])
        signal.signal(signal.SIGTERM, lambda *_: setattr(self, "stopping", True))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])  # It may have been held back until now.

    @contextlib.contextmanager
    def collective(self) -> Iterator[None]:
        """Around what waits for other ranks: an error of the connection means that one of them is gone."""
        try:
            yield
        except RuntimeError as error:
            if is_out_of_memory(error) or not PEER_ERRORS.search(repr(error)):
                raise
            lost = ("PeerLost", f"Rank {self.rank} lost another rank: {error}")
            raise Failure(*(("Interrupted", "Stopped by SIGTERM.") if self.stopping else lost)) from error

    def save_checkpoint(self, step: int, content: bytes) -> None:
        """For rank 0: the file, then the pointer with its digest; `checkpoint.keep` of them stay, this one included."""
        name = f"{self.run_uri}/a{self.config['run']['attempt']}/checkpoints/model/step-{step:08d}"
        digest = hashlib.sha256(content).hexdigest()
        store.put(f"{name}.pt", content)
        store.put(f"{name}.json", as_json({"step": step, "sha256": digest, "sizeBytes": len(content)}))
        self.progress(checkpoint={"step": step, "uri": f"{name}.pt", "sha256": digest})
        with contextlib.suppress(Exception):  # What is not removed takes room, and is no reason to end.
            for _, uri in [it for it in self._pointers() if it[0] < step][self.config["checkpoint"]["keep"] - 1 :]:
                store.delete(uri)
                store.delete(uri.removesuffix(".json") + ".pt")

    def newest_checkpoint(self) -> tuple[int, bytes] | None:
        """Of any attempt of this run: step and content. One whose digest is wrong is passed over, and told."""
        for step, uri in self._pointers():
            with contextlib.suppress(FileNotFoundError, KeyError, ValueError, TypeError):
                content = store.get(uri.removesuffix(".json") + ".pt")
                if json.loads(store.get(uri))["sha256"] == hashlib.sha256(content).hexdigest():
                    self.progress(resumedFromStep=step)
                    return step, content
            self.progress(skippedCheckpoint=f"step {step} and later: not the bytes whose sha256 was written down")
        return None

    def _pointers(self) -> list[tuple[int, str]]:  # Of the checkpoints of all attempts, the newest first.
        found = ((int(it[1]), uri) for uri in store.listed(self.run_uri) if (it := POINTER.search(uri)))
        return sorted(found, reverse=True)

    def publish(self, onnx: bytes, inputs: list[Any], outputs: list[Any], **members: Any) -> dict[str, Any]:
        """For rank 0: model.onnx and manifest.json under the digests of both; `members` go into the manifest."""
        digest = hashlib.sha256(onnx).hexdigest()
        artefact = {"sha256": digest, "sizeBytes": len(onnx), "inputs": inputs, "outputs": outputs}
        manifest = as_json({"manifestVersion": "v1", "task": self.config["task"], **artefact, **members})
        uri = f"{self.models_uri}/{digest}/{hashlib.sha256(manifest).hexdigest()[:16]}"
        store.put(f"{uri}/model.onnx", onnx)
        store.put(f"{uri}/manifest.json", manifest)
        return {"uri": uri, **artefact}

    def succeed(self, artefact: dict[str, Any], metrics: dict[str, Any], **members: Any) -> None:
        """For rank 0: metrics {n, name: {value}} for the gates, lineage, steps, seconds. Failure if it is too long."""
        resumed = {n: v for n, v in self._board.document().items() if n in ("resumedFromStep", "skippedCheckpoint")}
        success = {"contractVersion": "v1", "outcome": "succeeded", "artefact": artefact, "metrics": metrics}
        self._result = last_words({**success, **resumed, **members})

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        """Writes the result and ends the process: threads of a broken process group would hold it up."""
        code = 0
        if error is not None and (not isinstance(error, SystemExit) or error.code):
            traceback.print_exception(error)
            words = f"{type(error).__name__}: {error}"
            if is_out_of_memory(error):
                error = Failure("OutOfMemory", f"Out of memory: {words.rstrip('.: ')}. {LARGER}")
            failure = error if isinstance(error, Failure) else Failure("Crashed", words)
            self._result, code = last_words(failure.document), failure.exit_code
        try:
            if self._result:
                self._result_file.write_bytes(self._result)  # In place: the termination log is a mounted file.
        except OSError as problem:
            code = code or EXIT_CODES["Crashed"]  # A success of which nobody hears is none.
            print(f"The result is not written: {problem}")
        print(end="", flush=True)
        os._exit(code)
