"""Words that people and Prefect are shown, whatever a file's name holds."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from pressmark.flows.summary import audit_lines, law_lines, reject_table, run_line, text_of_run
from pressmark.storage.auditing import Audit
from pressmark.storage.queries import RejectLine
from pressmark.storage.runs import RunReport
from pressmark.storage.verification import Verification
from pressmark.transforms.laws import Breach


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("雾角岛/a.md", "`雾角岛/a.md`"), ("<img src=x onerror=y>.md", "`<img src=x onerror=y>.md`"),
        ("a`<b>`.md", "`a'<b>'.md`"), ("a\nb.md", "`a\\nb.md`"),
    ],
)  # fmt: skip
def test_a_name_in_a_table_artifact_is_code_and_no_markup(name: str, shown: str) -> None:
    (row,) = reject_table([RejectLine(name, "no_header", 0, "no header")])
    assert row == {"reason": "no_header", "sources": 1, "for example": shown}


def report(count: int) -> RunReport:
    at = datetime(2025, 3, 1, tzinfo=UTC)
    counts: list[Any] = [count] * 15
    return RunReport("run-1", "news", at, at, "news", None, None, "{}", "3", "p", *counts)


def test_one_thing_is_not_told_as_many() -> None:
    one, two = run_line(report(1)), run_line(report(2))
    nouns = ("source", "article", "paragraph", "superseded revision", "reject", "file")
    assert all(re.search(rf"\b1 {noun}\b", one) and f"2 {noun}s" in two for noun in nouns)
    assert not re.search("|".join(f"1 {noun}s" for noun in nouns), one)


def test_a_reject_that_a_history_has_many_times_is_told_once() -> None:
    lines = [RejectLine("a.dat", "no_header", 0, "none")] * 90 + [RejectLine("b.md", "no_text", 9, "none")]
    told = text_of_run(report(91), [], lines, {"changes": []}).splitlines()
    assert told[-3:] == [
        "91 rejects, kept with their bytes in `rejects`:", "  a.dat: no_header at byte 0: none (90 revisions)",
        "  b.md: no_text at byte 9: none",
    ]  # fmt: skip
    assert "1 reject, kept with its bytes in `rejects`:" in text_of_run(report(1), [], lines[-1:], {"changes": []})
    unread = [*lines[-1:], RejectLine("c.md", "unreadable", None, "a link")]
    assert "2 rejects, kept in `rejects`, 1 with their bytes:" in text_of_run(report(2), [], unread, {"changes": []})
    many = [RejectLine(f"{number:03}.md", "no_text", 9, "none") for number in range(50)] + lines
    told = text_of_run(report(141), [], many, {"changes": []}).splitlines()
    assert told[-1] == "  and 32 more; `pressmark status` counts them by reason"
    assert "  a.dat: no_header at byte 0: none (90 revisions)" in told


def test_each_law_has_its_line_whatever_was_broken() -> None:
    found = Verification(breaches=[Breach(1, "a.md", 3, "no block"), Breach(7, "b.md", None, "no picture")])
    lines = law_lines(found, breaches=False)
    assert [re.match(r"law \d", line)[0] for line in lines] == [f"law {law}" for law in (1, 2, 3, 4, 5, 7)]  # type: ignore[index]
    assert law_lines(found)[2:] == lines
    many = [Breach(1, f"{number}.md", None, "gone") for number in range(5000)] + found.breaches[1:]
    told = law_lines(Verification(breaches=many))
    assert [line[:5] for line in told[:11]] == ["law 1"] * 10 + ["law 7"]
    assert told[11:13] == [
        "and 4990 breaches more; `--json` has all",
        "law 1, slice: 0 paragraphs checked, 5000 breaches",
    ]


def test_an_audit_that_looked_at_nothing_says_so() -> None:
    found = Audit("a1", 3)
    assert audit_lines(found)[-1].endswith("; none lies in this share: give a larger `--share`")
    assert audit_lines(found._replace(articles=0))[-1].endswith("0 articles")
