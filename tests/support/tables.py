"""Metadata of every table, which only the modules of the tables fill."""

from __future__ import annotations

import pkgutil
from importlib import import_module

from sqlalchemy import MetaData

from deldokument.adapters.sql import tables
from deldokument.adapters.sql.tables.base import metadata


def every_table() -> MetaData:
    """Return the metadata after importing each module of the package."""
    for module in pkgutil.iter_modules(tables.__path__, f"{tables.__name__}."):
        import_module(module.name)
    return metadata
