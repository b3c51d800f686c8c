"""Metadata of every table."""

from sqlalchemy import MetaData

import deldokument.store.database
from deldokument.store.engine.authenticated_rows import RowTags
from deldokument.store.engine.schema import metadata
from deldokument.store.tables import tags

EVERY_TAG = [one for one in vars(tags).values() if isinstance(one, RowTags)]
"""The tags of each table that has some."""


def every_table() -> MetaData:
    """Return the metadata. It is whole, since the database imports each module with a table."""
    assert deldokument.store.database
    return metadata
