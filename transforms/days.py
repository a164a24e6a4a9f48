"""Days as people write them: 2021-03-04, or a month or a year for its first or last one. Refuses all else."""

from __future__ import annotations

from datetime import date, timedelta

__all__ = ["day_of"]

# Lengths of a year and of a month.
YEAR, MONTH = len("2021"), len("2021-03")


def day_of(text: str, *, end: bool) -> date:
    """The day; of a month or year its first one, or with `end` its last one. Raises `ValueError` for what is none.

    >>> str(day_of("2024-02", end=True)), str(day_of("2024", end=False))
    ('2024-02-29', '2024-01-01')
    """
    if len(text) == YEAR:
        text = f"{text}-12" if end else f"{text}-01"
    if len(text) != MONTH:
        return date.fromisoformat(text)
    first = date.fromisoformat(f"{text}-01")
    if not end:
        return first
    try:
        return (first.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
    except OverflowError as error:
        raise ValueError(f"`{text}` is too far away") from error
