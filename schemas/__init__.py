"""One Arrow schema per table: the only place where columns are defined."""

from pressmark.schemas.tables import OF_ARTICLES, TABLES

__all__ = ["OF_ARTICLES", "TABLES"]
