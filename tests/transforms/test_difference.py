"""Differences between two states of articles, against the same taken one article at a time."""

from datetime import UTC, datetime

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from pressmark.transforms.difference import ARTICLE_STATE, OutletChanges, differences

TIMES = [None, datetime(1969, 12, 31, tzinfo=UTC), datetime(2024, 2, 29, 12, tzinfo=UTC)]
STATES = st.dictionaries(
    st.sampled_from("abcdefgh"),
    st.tuples(
        st.sampled_from(["pine", "reed"]), st.sampled_from("xyz"), st.sampled_from("tuv"), st.sampled_from(TIMES)
    ),
)


def table(states):
    rows = [dict(zip(ARTICLE_STATE.names, (article_id, *state), strict=True)) for article_id, state in states.items()]
    return pa.Table.from_pylist(rows, schema=ARTICLE_STATE)


def one_by_one(before, after):
    counts = {}

    def count(outlet, kind):
        counts.setdefault(outlet, OutletChanges(outlet))
        counts[outlet] = counts[outlet]._replace(**{kind: getattr(counts[outlet], kind) + 1})

    for article_id, (outlet, source, text, time) in after.items():
        if article_id not in before:
            count(outlet, "new")
            continue
        _, source_before, text_before, time_before = before[article_id]
        if text != text_before:
            count(outlet, "text")
        elif source != source_before:
            count(outlet, "markup")
        if time != time_before:
            count(outlet, "redated")
    for article_id in before.keys() - after.keys():
        count(before[article_id][0], "deleted")
    return [counts[outlet] for outlet in sorted(counts)]


@given(STATES, STATES)
def test_differences_are_those_of_each_article(before, after):
    assert differences(table(before), table(after)) == one_by_one(before, after)


def test_an_article_whose_time_becomes_known_is_redated():
    before = table({"a": ("pine", "x", "t", None)})
    after = table({"a": ("pine", "x", "t", TIMES[1])})
    assert differences(before, after) == [OutletChanges("pine", redated=1)]
    assert differences(before, before) == []
