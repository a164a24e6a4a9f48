"""One Arrow schema per table: the only place where columns are defined."""

from pressmark.schemas import articles, media, paragraphs, rejects, revisions, runs
from pressmark.schemas.contract import Table

__all__ = ["OF_ARTICLES", "TABLES"]

TABLES: dict[str, Table] = {
    module.TABLE.name: module.TABLE for module in (articles, paragraphs, media, revisions, rejects, runs)
}
# Tables whose rows are of one current article: they come, move and go with it.
OF_ARTICLES = ("articles", "paragraphs", "media")
