"""One Arrow schema per table: the only place where columns are defined."""

from pressmark.schemas.tables import TABLES

__all__ = ["TABLES"]
