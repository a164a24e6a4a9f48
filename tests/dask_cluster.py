"""A real Dask scheduler and workers for tests: processes on this machine, each worker in a folder of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Self

HOST = "127.0.0.1"


class ClusterFailed(Exception):
    """The scheduler or a worker did not start."""


def why_no_cluster() -> str | None:
    """The reason a `DaskCluster` cannot run here; None where it can."""
    return None if find_spec("distributed") else "Dask (the extra `dask`) is not installed"


class DaskCluster:
    """A scheduler and workers of one thread each, started and ended by `with`.

    `environment` is added to that of the workers, without what this process knows of stores. `nanny` puts each worker
    under a process that starts it again when it dies.
    """

    def __init__(
        self,
        folder: Path,
        workers: int = 3,
        *,
        environment: Mapping[str, str] | None = None,
        nanny: bool = False,
        limit_s: float = 60,
    ) -> None:
        self.folder = folder
        self.workers = workers
        self.limit_s = limit_s
        self.environment = dict(environment or {})
        self.address = f"tcp://{HOST}:{_free_port()}"
        self._nanny = nanny
        self._scheduler: subprocess.Popen[bytes] | None = None
        self._processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        try:
            self._start_scheduler()
            for _ in range(self.workers):
                self._add_worker()
            self.wait(self.workers)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        processes = [*self._processes, *([self._scheduler] if self._scheduler else [])]
        for process in processes:
            # A nanny ends its worker; the others have nothing to put in order, and take long to find that out.
            (process.terminate if self._nanny and process is not self._scheduler else process.kill)()
        for process in processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def add_worker(self, *options: str) -> int:
        """Start another worker, with further arguments, and wait for it; its number."""
        number = self._add_worker(*options)
        self.wait(sum(process.poll() is None for process in self._processes))
        return number

    def _add_worker(self, *options: str) -> int:
        number = len(self._processes)
        folder = self.folder / f"worker-{number}"
        folder.mkdir(parents=True)
        nanny = () if self._nanny else ("--no-nanny",)
        local = ("--local-directory", str(folder), "--nthreads", "1", "--memory-limit", "0", "--death-timeout", "60")
        arguments = [self.address, *local, *nanny, *options]
        self._processes.append(self._start("worker", arguments, folder, self.environment))
        return number

    def kill_worker(self, number: int) -> None:
        """End a worker as a lost machine does, with no time to say so."""
        self._processes[number].send_signal(signal.SIGKILL)
        self._processes[number].wait()

    def kill_scheduler(self) -> None:
        """End the scheduler as a lost machine does; workers end by that, too."""
        if self._scheduler is not None:
            self._scheduler.kill()
            self._scheduler.wait()

    def wait(self, workers: int) -> None:
        """Return when the scheduler has so many workers."""
        from distributed import Client

        try:
            with Client(self.address, timeout=self.limit_s, set_as_default=False) as client:
                if workers:
                    client.wait_for_workers(workers, timeout=self.limit_s)
        except (OSError, TimeoutError) as error:
            logs = (path.read_text("utf-8", "replace")[-2000:] for path in sorted(self.folder.glob("*.log")))
            raise ClusterFailed("\n".join(["Dask did not start", *logs])) from error

    @property
    def scheduler_pid(self) -> int:
        """The process of the scheduler."""
        assert self._scheduler is not None
        return self._scheduler.pid

    def _start_scheduler(self) -> None:
        port = self.address.rpartition(":")[2]
        folder = self.folder / "scheduler"
        folder.mkdir(parents=True, exist_ok=True)
        self._scheduler = self._start("scheduler", ["--port", port], folder, {})
        until = time.monotonic() + self.limit_s
        while True:
            with suppress(OSError), socket.create_connection((HOST, int(port)), 1):
                return
            if self._scheduler.poll() is not None or time.monotonic() > until:
                raise ClusterFailed((self.folder / "scheduler.log").read_text("utf-8", "replace")[-2000:])
            time.sleep(0.05)

    def _start(
        self, kind: str, arguments: Sequence[str], folder: Path, environment: Mapping[str, str]
    ) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", f"distributed.cli.dask_{kind}", "--host", HOST, "--no-dashboard"]
        base = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PYTHON"))}
        base["PYTHONPATH"] = str(Path(__file__).parent.parent / "src")
        log: IO[bytes]
        with (self.folder / f"{folder.name}.log").open("ab") as log:
            return subprocess.Popen(
                [*command, *arguments], cwd=folder, env={**base, **environment}, stdin=subprocess.DEVNULL,
                stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip


def _free_port() -> int:
    with socket.socket() as one:
        one.bind((HOST, 0))
        return int(one.getsockname()[1])
