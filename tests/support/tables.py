"""Metadata of every table."""

from __future__ import annotations

from sqlalchemy import MetaData

import deldokument.store.database
from deldokument.store.engine.schema import metadata


def every_table() -> MetaData:
    """Return the metadata. It is whole, since the database imports each module with a table."""
    assert deldokument.store.database
    return metadata
