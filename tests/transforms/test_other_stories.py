"""Other stories and furniture on whole pages, where the forest is surer than the rules."""

from math import isfinite

import pytest

from pressmark.schemas.contract import Role
from pressmark.storage.versions import load_outlets
from pressmark.transforms import other_stories, other_stories_model
from pressmark.transforms.blocks import cut
from pressmark.transforms.evidence import HIDDEN, Finding
from pressmark.transforms.explanation import Explanation, explain
from pressmark.transforms.pages import main_blocks
from pressmark.transforms.records import Limits

STORY = (
    "The lamp at the end of the pier went out on Tuesday, and nobody in the harbour office knew why.",
    "A keeper who has tended it for thirty years said that the oil had been changed in the spring.",
    "Two ferries waited outside until the morning, with their passengers asleep on the benches.",
    "The council will meet on Friday to decide whether the old lens is to be kept or replaced.",
    "Until then a boat with a lantern lies at the mouth of the harbour, and is paid by the hour.",
)
TITLES = (
    "Ferry late",
    "Tide tables",
    "Oil is dear",
    "Fog again",
    "Gulls nest",
    "New quay",
    "Nets mended",
    "Ice in port",
)
# Short titles are no titles to the rules; where they lead and how they repeat tells what they are.
CARDS = "".join(
    f"<div class='item'><a href='/2031/05/1{n}/{title.lower().replace(' ', '-')}-in-the-harbour-of-songling-{8000 + n}"
    f"'>{title}</a><span>{n + 1} May 2031</span></div>"
    for n, title in enumerate(TITLES)
)
MAKER = "Made by the lamp studio of Songling town"


def page(below: str) -> str:
    body = "".join(f"<p>{text}</p>" for text in STORY)
    return (
        "<html><head><title>A lamp goes out | Quay Post</title><link rel='canonical' href='https://quay.example/lamp'>"
        f"</head><body><article class='post'><h1>A lamp goes out</h1><div class='entry'>{body}</div></article>{below}"
        "<footer class='site-footer'><p>© Quay Post</p></footer></body></html>"
    )


def explained(below: str) -> Explanation:
    found = explain(page(below).encode(), "lamp.html", load_outlets(), Limits())
    assert isinstance(found, Explanation)
    assert [block.paragraph.role for block in found.blocks[1:7]] == ["heading", *["body"] * 5]
    return found


@pytest.mark.parametrize(
    ("below", "role", "against"),
    [
        pytest.param(
            f"<div class='latest'>{CARDS}</div>", "related", "boilerplate: no part of the story", id="short titles"
        ),
        pytest.param(
            f"<div class='made'><a href='https://studio.example/'>{MAKER}</a></div>", "boilerplate",
            "related: a linked title outside the page's story", id="who made the site",
        ),
    ],
)  # fmt: skip
def test_what_the_rules_mistake_is_taken_back_with_the_reason(below: str, role: Role, against: str) -> None:
    for block in explained(below).blocks[7:-1]:
        assert block.paragraph.role == role
        assert block.reason.startswith(f"{role} by the model: 0.")
        assert f" likely, the rules say {against}" in block.reason


def test_what_is_hidden_stays_what_it_is_and_no_content_is_asked_for() -> None:
    blocks = cut(page(f"<div class='latest'>{CARDS}</div>")).blocks
    verdict = main_blocks(blocks)
    for rest, changed in ((HIDDEN, set()), (Finding("boilerplate", "outside"), {"related"})):
        findings = [Finding("body", "running text") if main else rest for main in verdict.main]
        found = dict(other_stories.corrections(blocks, findings, verdict, "quay.example"))
        assert {finding.role for finding in found.values()} == changed
        assert not any(verdict.main[index] for index in found)


@pytest.mark.parametrize(
    ("href", "away", "longest", "marks", "digits"),
    [
        ("https://quay.example/2031/a-lamp?x=1-2#b", False, 6, 1, 4),
        ("//boats.example/a_lamp-9/b", True, 8, 2, 1),
        ("news/a-lamp", False, 6, 1, 0),
        ("/go?to=https://boats.example/", False, 2, 0, 0),
        ("https://boats.example", True, 0, 0, 0),
        ("#top", False, 0, 0, 0),
    ],
)  # fmt: skip
def test_a_link_is_told_by_where_it_leads(href: str, *, away: bool, longest: int, marks: int, digits: int) -> None:
    blocks = cut(page(f"<p><a href='{href}'>Boats</a></p>")).blocks
    verdict = main_blocks(blocks)
    roles: list[Role] = ["related"] * len(blocks)
    rows = dict(other_stories.doubted(blocks, roles, verdict, "quay.example"))
    index = next(index for index, block in enumerate(blocks) if block.links)
    names = [f"link_{name}" for name in ("away", "name", "words", "digits")]
    assert [rows[index][other_stories.NAMES.index(name)] for name in names] == [away, longest, marks, digits]
    assert all(len(row) == len(other_stories.NAMES) and all(map(isfinite, row)) for row in rows.values())


def test_the_trees_were_grown_on_these_numbers() -> None:
    assert tuple(other_stories_model.NAMES) == other_stories.NAMES
