"""A citation: a paragraph's row and its article's, their paths to the root of a moment, and the bytes they came from.

Pure: makes one of rows, and checks one without the output. `docs/verify-citation.mjs` is a second implementation of
the check, and says the same, line by line.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any, Final, Literal, NamedTuple

from pressmark.schemas.contract import CONTRACT_VERSION
from pressmark.transforms.roots import FORMAT, Step, canonical, climb, leaf_of, root_of

__all__ = ["CITATION", "Finding", "check_citation", "markdown_of", "written"]

CITATION: Final = f"pressmark-citation-{FORMAT}"
HEX: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,14}", re.ASCII)
SHOWN_CHARACTERS: Final = 280


class Finding(NamedTuple):
    """What was checked: it holds, it fails, or it can't be checked with what is at hand."""

    kind: Literal["ok", "fail", "open"]
    what: str


def written(content: Mapping[str, Any]) -> bytes:
    """The file of a citation: its content, and the digest of that."""
    whole = {"format": CITATION, **content}
    return json.dumps(whole | {"digest": _digest(whole)}, ensure_ascii=False, indent=1).encode() + b"\n"


def check_citation(data: bytes, source: bytes | None = None, root: str | None = None) -> list[Finding]:
    """What holds of a citation's file, as far as it goes: the first thing that fails ends it. `source` are the bytes of
    the cited source (of a record, its payload), `root` one that its reader trusts."""
    found = []
    try:
        for finding in _findings(data, source, root):
            found.append(finding)
            if finding.kind == "fail":
                break
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError):
        found.append(Finding("fail", "this is no citation of pressmark, or a part of it is missing"))
    return found


def _findings(data: bytes, source: bytes | None, root: str | None) -> Iterator[Finding]:
    cited = json.loads(data.decode())
    content = {name: value for name, value in cited.items() if name != "digest"}
    made = f"{_text(cited['format'])} of contract version {_text(cited['head']['contract_version'])}"
    known = f"{CITATION} of contract version {CONTRACT_VERSION}"
    yield _held(made == known, f"this is {made}" + f", and this program checks {known}" * (made != known))
    yield _held(cited["digest"] == _digest(content), "the file is as it was written")
    row, article, head = cited["paragraph"], cited["article"], cited["head"]
    paths = {name: _steps(cited["paths"][name]) for name in ("paragraph", "article", "entry")}
    entry = climb(leaf_of(row), paths["paragraph"])
    same = entry == climb(leaf_of(article), paths["article"])
    led = climb(entry, paths["entry"]).hex() == head["tree"] and root_of(head) == cited["root"]
    yield _held(same and led, "the rows of paragraph and article are among those that the root is over")
    tables = (row["table"], article["table"], row["paragraph_id"]) == (
        "paragraphs", "articles", f"{article['article_id']}-{_number(row['ordinal']):04d}"
    )  # fmt: skip
    shared = all(row[name] == article[name] for name in ("article_id", "outlet", "source_sha256", "published_at"))
    yield _held(tables and shared, "the paragraph is one of the article")
    long = _number(row["char_end"]) - _number(row["char_start"])
    yield _held(len(_text(row["text"])) == long, f"the text has the {long} characters that its row says")
    start, end, size = (_number(value) for value in (row["byte_start"], row["byte_end"], article["source_bytes"]))
    span = None if cited["bytes"] is None else _decoded(cited["bytes"])
    fits = start < end <= size and (span is None or len(span) == end - start)
    yield _held(fits, f"the span [{start}, {end}) lies in the source's {size} bytes and fits the bytes cited")
    if source is None:
        yield Finding("open", f"the bytes cited: give the source with sha256 {row['source_sha256']}")
    else:
        hashed = sha256(source).hexdigest() == row["source_sha256"]
        yield _held(hashed and len(source) == size, "the source has the hash and the size that the rows say")
        yield _held(span in (None, source[start:end]), "the bytes cited are those of the source at the span")
    if root is None:
        yield Finding("open", f"the root {cited['root']}: compare it with one that you trust")
    else:
        yield _held(cited["root"] == root, "the root is the one given")
    yield Finding(
        "open", f"that run {_text(cited['run']['run_id'])} published the root: see `root` in the table `runs`"
    )
    yield Finding("open", "that the bytes say the text (law 1): `pressmark verify` checks that")


def markdown_of(content: Mapping[str, Any]) -> str:
    """One line for people: the text, title and address, outlet and day, and where to look it up."""
    row, article = content["paragraph"], content["article"]
    text = row["text"] if len(row["text"]) <= SHOWN_CHARACTERS else row["text"][: SHOWN_CHARACTERS - 1] + "…"
    title = _plain(article["title"] or article["source_path"])
    named = f"[{title}](<{article['canonical_url']}>)" if article["canonical_url"] else title
    day = (article["published_at"] or "no date")[:10]
    return (
        f"“{_plain(text)}” — {named}, {article['outlet']}, {day} ({row['role']}; paragraph `{row['paragraph_id']}`; "
        f"bytes {row['byte_start']} to {row['byte_end']} of sha256 `{row['source_sha256']}`; root `{content['root']}`)"
    )


def _held(holds: bool, what: str) -> Finding:  # noqa: FBT001  # the one thing that it is about
    return Finding("ok" if holds else "fail", what)


def _digest(content: Mapping[str, Any]) -> str:
    return sha256(canonical(content)).hexdigest()


def _steps(values: Any) -> list[Step]:
    steps = []
    for value in _list(values):
        side, sibling = _list(value)
        if side not in ("left", "right") or not HEX.fullmatch(sibling):
            raise ValueError(value)
        steps.append(Step(side, bytes.fromhex(sibling)))
    return steps


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(value)
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _number(text: str) -> int:
    if not NUMBER.fullmatch(text):
        raise ValueError(text)
    return int(text)


def _decoded(text: str) -> bytes:
    data = base64.b64decode(text, validate=True)
    if base64.b64encode(data).decode() != text:
        raise ValueError(text)
    return data


def _plain(text: str) -> str:
    """A text that Markdown shows as it is, on one line."""
    return re.sub(r"([\\`*_\[\]<>|~])", r"\\\1", " ".join(text.split()))
