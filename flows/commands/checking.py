"""Citations (`cite`, `sign`, `check`), and what looks for faults: `doctor` in an output, `audit` in its articles."""

from __future__ import annotations

import argparse
import http.client
import json
import os
import re
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from pressmark.flows.cli import EXIT_NOTHING, EXIT_OK, UsageError
from pressmark.flows.summary import ProgressDisplay, as_json, audit_lines, counted, printable
from pressmark.storage.auditing import audit_output
from pressmark.storage.citing import SIGNED, check_signed
from pressmark.storage.citing import cite as cite_paragraph
from pressmark.storage.citing import sign as sign_root
from pressmark.storage.diagnosis import (
    Finding,
    State,
    examine_forgotten,
    examine_machine,
    examine_output,
    looked,
    mend_output,
)
from pressmark.storage.errors import PressmarkError
from pressmark.storage.output.folder import save
from pressmark.storage.output.tables import Output
from pressmark.storage.runs import new_stamp
from pressmark.transforms.citation import check_citation, markdown_of, written

__all__ = ["audit", "check", "cite", "doctor", "sign"]

ANSWER_S: Final = 5
MARKS: Final = {State.OK: "ok", State.WARNING: "WARNING", State.FAILURE: "FAILURE", State.FIXED: "fixed"}


def doctor(arguments: argparse.Namespace) -> int:
    """Print what was looked at, a line each, what is wrong with its remedy; the exit code."""
    output = Output(arguments.output)
    findings = [*examine_machine(output.folder), *examine_output(output)]
    if arguments.fix and any(finding.fixable for finding in findings):
        mended = mend_output(output)
        findings = [*(one for one in findings if one.area != "output"), mended, *examine_output(output)]
    if arguments.destination:
        findings += _destination(output, arguments.destination)
    if arguments.forgotten:
        findings += examine_forgotten(output, arguments.forgotten, arguments.source)
    findings += _schedule()
    counts = Counter(finding.state for finding in findings)
    if arguments.json:
        print(as_json({"findings": [one._asdict() for one in findings], "counts": counts}))
    else:
        print("\n".join(line for one in findings for line in _lines(one)))
        failed, warned = counted(counts[State.FAILURE], "failure"), counted(counts[State.WARNING], "warning")
        print(f"\n{failed}, {warned}, {len(findings)} things looked at")
    return EXIT_NOTHING if counts[State.FAILURE] else EXIT_OK


def audit(arguments: argparse.Namespace) -> int:
    """Audit, print what differs by kind and one line; the exit code."""
    with ProgressDisplay() as progress:
        found = audit_output(
            Output(arguments.output), arguments.source, archive=arguments.archive, share=arguments.share,
            workers=arguments.workers, stamp=new_stamp(), progress=progress,
        )  # fmt: skip
    if arguments.json:
        print(as_json({**found._asdict(), "disagreements": [one._asdict() for one in found.disagreements]}))
    else:
        print("\n".join(audit_lines(found)))
    return EXIT_NOTHING if found.disagreements else EXIT_OK


def _lines(finding: Finding) -> Iterator[str]:
    yield f"{MARKS[finding.state]:<8} {finding.area}: {finding.name}: {printable(finding.found)}"
    if finding.remedy:
        yield f"         → {finding.remedy}"


def _destination(output: Output, text: str) -> Iterator[Finding]:
    """Whether a load would be taken, and what it would send. Writes nothing."""
    from pressmark.warehouses.address import parse_address
    from pressmark.warehouses.loading import plan_load

    area = "destination"
    try:
        address = parse_address(text)
        plan = plan_load(output, address, new_stamp().run_id)
    except PressmarkError as error:
        yield Finding(area, "load", State.FAILURE, f"{error.what}: `{error.where}`", error.remedy)
        return
    waiting = sum(len(change.partitions) for change in plan.changes)
    yield Finding(area, "connection", State.OK, f"{address.shown} can be loaded")
    found = f"{waiting} partitions differ from the output" if waiting else "has what the output has"
    yield looked(area, "rows", not waiting, found, "run `pressmark load`")


def _schedule() -> Iterator[Finding]:
    """Whether the Prefect server answers, and whether runs wait there that should have begun."""
    area, address = "schedule", os.environ.get("PREFECT_API_URL")
    if not address:
        yield Finding(area, "server", State.OK, "PREFECT_API_URL is not set: nothing is asked of a server")
        return
    try:
        _asked(address, "health")
        late = _asked(address, "flow_runs/count", {"flow_runs": {"state": {"name": {"any_": ["Late"]}}}})
        running = _asked(address, "flow_runs/count", {"flow_runs": {"state": {"type": {"any_": ["RUNNING"]}}}})
    except (OSError, ValueError, http.client.HTTPException) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        yield Finding(area, "server", State.FAILURE, f"`{address}` gives no answer ({reason})",
                      "start it, or correct or unset PREFECT_API_URL")  # fmt: skip
        return
    yield Finding(area, "server", State.OK, f"`{address}` answers")
    remedy = "start `pressmark serve`, or look at what holds its runs up"
    yield looked(area, "runs", not late, f"{late} late, {running} running", remedy)


def _asked(address: str, path: str, body: dict[str, Any] | None = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(  # noqa: S310  # the address is the operator's own
        f"{address.rstrip('/')}/{path}", data, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=ANSWER_S) as answer:  # noqa: S310
        return json.load(answer)


WORDS: Final = {"ok": "holds       ", "fail": "FAILS       ", "open": "not checked "}


def cite(arguments: argparse.Namespace) -> int:
    """Write a citation, and print a line of Markdown; the exit code."""
    content = cite_paragraph(Output(arguments.output), arguments.paragraph_id, arguments.source)
    save(arguments.to or Path(f"{arguments.paragraph_id}.json"), written(content))
    print(printable(markdown_of(content)))
    return EXIT_OK


def sign(arguments: argparse.Namespace) -> int:
    """Write the signed root, and print it; the exit code."""
    root = sign_root(Output(arguments.output), arguments.key, arguments.to, arguments.authority)
    names = [name for name in SIGNED.values() if (arguments.to / name).exists()]
    print(f"root {root}: {', '.join(names)} in {printable(str(arguments.to))}")
    return EXIT_OK


def _content(path: Path) -> bytes:
    if path.exists() and not path.is_file():
        raise UsageError("this is no file", str(path), "name the file itself; what may never end is not read")
    return path.read_bytes()


def check(arguments: argparse.Namespace) -> int:
    """Print what holds of a citation; the exit code."""
    root = None if arguments.root is None else arguments.root.lower()
    if root is not None and not re.fullmatch("[0-9a-f]{64}", root):
        raise UsageError("a root has 64 hexadecimal digits", arguments.root, "copy it from the table `runs`")
    source = None if arguments.source is None else _content(arguments.source)
    data = _content(arguments.citation)
    findings = check_citation(data, source, root)
    if arguments.signed is None and (arguments.key or arguments.authority):
        raise UsageError("there is nothing signed to check", "--key", "name the folder with `--signed`")
    if arguments.signed is not None and all(finding.kind != "fail" for finding in findings):
        cited = json.loads(data)["root"]
        findings += check_signed(arguments.signed, cited, arguments.key, arguments.authority)
    if arguments.json:
        print(as_json([finding._asdict() for finding in findings]))
    else:
        print("\n".join(WORDS[kind] + printable(what) for kind, what in findings))
    return EXIT_NOTHING if any(finding.kind == "fail" for finding in findings) else EXIT_OK
