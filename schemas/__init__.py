"""One Arrow schema per table: the only place where columns are defined."""

from pressmark.schemas.tables import BY_RUN, OF_ARTICLES, OF_RUNS, TABLES

__all__ = ["BY_RUN", "OF_ARTICLES", "OF_RUNS", "TABLES"]
