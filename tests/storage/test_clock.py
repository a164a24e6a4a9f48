"""A source that takes more than its time or memory is a reject, and the run goes on, in one process as in several."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys

import pytest
from archives import FATAL, ROOT, News

from pressmark.storage.batches import TookTooLong, within

pytestmark = pytest.mark.slow

# What every Python process of a run loads first: a text keeps its parser busy for ever, or takes all memory.
GREEDY = f"""
import pressmark.transforms.article as article
from pressmark.transforms.records import Limits
Limits.__init__.__defaults__ = (*Limits.__init__.__defaults__[:2], 1)
inner = article._parse
def greedy(data, *arguments):
    while "{FATAL}".encode() in data:
        if b"memory" in data:
            raise MemoryError
    return inner(data, *arguments)
article._parse = greedy
"""


@pytest.mark.parametrize("workers", [1, 2])
def test_a_source_that_takes_too_much_is_a_reject_and_the_run_goes_on(news: News, workers: int) -> None:
    for number in range(6):
        news.write(f"{number}.md", url=f"https://songling-times.example/{number}", body="<p>" + "字" * 60_000 + "</p>")
    for name in ("memory", "time"):
        news.write(f"{name}.md", url=f"https://songling-times.example/{name}", body=f"<p>{FATAL} {name}</p>")
    (news.folder / "sitecustomize.py").write_text(GREEDY)
    paths = os.pathsep.join([str(news.folder), str(ROOT / "src"), str(ROOT / "tests")])
    script = f"import sys; from archives import ingest; ingest(*sys.argv[1:], workers={workers})"
    command = [sys.executable, "-c", script, str(news.archive), str(news.out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": paths})
    assert done.returncode == 0, done.stderr
    assert news.rows("runs", "accepted", "rejected") == [(6, 2)]
    kept = {name: (news.archive / f"{name}.md").read_bytes() for name in ("memory", "time")}
    assert news.rows("rejects", "source_path", "reason", "raw") == [
        ("memory.md", "too_large", kept["memory"]), ("time.md", "too_complex", kept["time"]),
    ]  # fmt: skip
    assert "not enough memory" in str(news.rows("rejects", "detail")[0])
    assert "more than 1 seconds" in str(news.rows("rejects", "detail")[1])


def test_a_clock_ends_a_pattern_and_what_swallowed_its_exception() -> None:
    with pytest.raises(TookTooLong), within(0.3):
        re.match(r"(a|a)*b", "a" * 60)
    with pytest.raises(TookTooLong), within(0.3):
        _swallow_once()


def _swallow_once() -> None:
    with contextlib.suppress(TookTooLong):
        while True:
            pass
    while True:
        pass
