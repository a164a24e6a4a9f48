"""One Arrow schema per table: the only place where columns are defined."""

from pressmark.schemas import articles, paragraphs, rejects, revisions, runs
from pressmark.schemas.contract import Table

__all__ = ["TABLES"]

TABLES: dict[str, Table] = {
    table.name: table for table in (articles.TABLE, paragraphs.TABLE, revisions.TABLE, rejects.TABLE, runs.TABLE)
}
