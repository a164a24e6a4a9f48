"""Growing the forest of whole pages: pages with truth from other sets."""

from pathlib import Path

from benchmarks.grow_pages import extra, sample
from benchmarks.whole_pages import page_of

STORY = (
    "The lamp at the end of the pier went out on Tuesday, and nobody in the harbour office knew why.",
    "A keeper who has tended it for thirty years said that the oil had been changed in the spring.",
)
MARKUP = f"<nav><a href='/'>Wick</a></nav><h1>A lamp</h1><p>{STORY[0]}</p><p>{STORY[1]}</p><footer>Contact us</footer>"


def put(folder: Path, name: str, story: str) -> None:
    (folder / f"{name}.html").write_text(MARKUP, "utf-8")
    (folder / f"{name}.txt").write_text(story, "utf-8")


def test_pages_of_another_set_are_labelled_by_the_story_beside_them(tmp_path: Path) -> None:
    put(tmp_path, "lamp", "\n".join(STORY))
    [one] = extra(tmp_path, 0.5)
    assert one.main == [False, False, True, True, False]
    assert len(one.rows) == len(one.weights) == len(one.main)


def test_a_page_whose_blocks_do_not_make_its_story_is_left_out(tmp_path: Path) -> None:
    put(tmp_path, "lamp", "\n".join(STORY))
    put(tmp_path, "other", "Two ferries waited outside until the morning, with their passengers asleep on the benches.")
    put(tmp_path, "half", STORY[0] + "\nTwo ferries waited outside until the morning, with their passengers asleep.")
    assert len(extra(tmp_path, 1)) == 1


def test_a_page_counts_as_much_as_its_weight() -> None:
    page = page_of("other", {"text": "\n".join(STORY)}, MARKUP.encode())
    whole, quarter = sum(sample(page).weights), sum(sample(page, 0.25).weights)
    assert 0.24 < quarter / whole < 0.26
