"""Write the baseline's tables from those of the program: `python -m tests.migrations.write_baseline`.

Only until version 1.0.0 is kept: from then on the baseline is frozen, and this module goes.
"""

import re
from pathlib import Path

from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable

from deldokument.store import migrations
from tests.support.tables import every_table

BASELINE = Path(migrations.__file__).parent / "versions" / "1000_baseline.sql"
_PLACEHOLDERS = {
    'TEXT COLLATE "C"': "{id}",
    "BYTEA": "{bytes}",
    " BIGINT": " {big}",
    " BOOLEAN": " {boolean}",
    " DATE": " {date}",
    "DEFAULT true": "DEFAULT {true}",
    "DEFAULT false": "DEFAULT {false}",
}
_ABOUT = re.compile(r"coalesce\(\(\(details\).*?\)\)")


def baseline() -> str:
    """Return the statements, with placeholders for what differs between the databases."""
    statements = []
    for table in every_table().sorted_tables:
        indexes = sorted(table.indexes, key=lambda index: str(index.name))
        for created in (CreateTable(table), *map(CreateIndex, indexes)):
            end = "{strict}" if isinstance(created, CreateTable) else ""
            statements.append(_neutral(str(created.compile(dialect=postgresql.dialect()))) + end)
    return ";\n\n".join(statements) + "\n"


def _neutral(statement: str) -> str:
    for word, placeholder in _PLACEHOLDERS.items():
        statement = statement.replace(word, placeholder)
    lines = [line.rstrip() for line in statement.replace("\t", "    ").splitlines()]
    return _ABOUT.sub("coalesce({about})", "\n".join(line for line in lines if line))


if __name__ == "__main__":
    BASELINE.write_text(baseline(), "utf-8")
