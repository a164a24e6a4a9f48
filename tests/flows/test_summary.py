"""Words that people and Prefect are shown, whatever a file's name holds."""

from __future__ import annotations

import pytest

from pressmark.flows.summary import reject_table
from pressmark.storage.queries import RejectLine


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
