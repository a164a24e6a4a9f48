"""The program `pressmark` for documents: each command is a copy of a process that has loaded what commands need.

A command begins in a hundredth of a second instead of one or two, and no command starts workers, who load all that
again: tests of workers do. What runs until it is stopped is the program itself.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from archives import ROOT

__all__ = ["program_in"]

SERVER = """
import atexit, importlib, os, pkgutil, signal, socket, sys, traceback
from multiprocessing import forkserver
os.environ["ARROW_DEFAULT_MEMORY_POOL"] = "system"
os.cpu_count, forkserver.ensure_running = lambda: 1, lambda: None
from pressmark.flows import cli, commands
for module in pkgutil.iter_modules(commands.__path__, "pressmark.flows.commands."):
    importlib.import_module(module.name)
import duckdb, polars, pressmark.storage.ingestion, pressmark.storage.verification, pressmark.warehouses.loading
listening = socket.socket(fileno=int(sys.argv[1]))
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
while True:
    asked, _ = listening.accept()
    if not os.fork():
        break
    asked.close()
signal.signal(signal.SIGCHLD, signal.SIG_DFL)
given, files, _, _ = socket.recv_fds(asked, 1 << 20, 3)
for number, file in enumerate(files):
    os.dup2(file, number)
    os.close(file)
words, folder, environment = eval(given)
os.chdir(folder)
os.environ.clear()
os.environ.update(environment)
code = 1
try:
    code = cli.main(words)
except SystemExit as ended:
    code = ended.code or 0
except BaseException:
    traceback.print_exc()
atexit._run_exitfuncs()
sys.stdout.flush()
asked.send(b"%d" % code)
os._exit(code)
"""
CLIENT = """#!{python} -IS
import os, socket, sys
words = sys.argv[1:]
if "serve" in words[:1] or "browse" in words[:1] and "--static" not in words:
    os.execv({program!r}, [{program!r}, *words])
asked = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
asked.connect({address!r})
socket.send_fds(asked, [repr((words, os.getcwd(), dict(os.environ))).encode()], [0, 1, 2])
sys.exit(int(asked.recv(9) or 1))
"""


@contextmanager
def program_in(folder: Path) -> Iterator[Path]:
    """A folder with a `pressmark` in it, for the length of the block."""
    folder.mkdir()
    address, program = str(folder / "address"), str(Path(sys.executable).with_name("pressmark"))
    client = folder / "pressmark"
    client.write_text(CLIENT.format(python=sys.executable, program=program, address=address))
    client.chmod(0o755)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening:
        listening.bind(address)
        listening.listen()
        command = [sys.executable, "-c", SERVER, str(listening.fileno())]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("POLARS_")}
        with subprocess.Popen(command, cwd=ROOT, env=environment, pass_fds=[listening.fileno()]) as server:
            try:
                yield folder
            finally:
                server.kill()
