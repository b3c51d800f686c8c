"""Database code that all tables share: connections, statements, columns, errors.

Guarantees:
- Only errors of the domain are raised, never those of SQLAlchemy or a driver.
- A returned row has the values that its statement asked for, and a valid tag if its table has tags.

- `asked_columns`: columns that a statement compares, and whose returned values are checked
- `authenticated_rows`: verification of the tags of rows that decide about access
- `column_types`: column types that both databases support
- `engines`: connections to SQLite and PostgreSQL
- `errors`: translation of SQLAlchemy and SQLite errors to domain errors
- `expressions`: SQL expressions that differ between the databases
- `integrity`: keys of the tags, and reports of damaged rows
- `postgres`: connection settings and errors of PostgreSQL
- `schema`: metadata, naming convention, common columns
- `sqlite_files`: connection settings of SQLite files
- `statements`: statements of one transaction, and differences between the two dialects
"""
