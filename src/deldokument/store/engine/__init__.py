"""Everything about the two databases that is the same for all tables: connections, statements, columns, errors.

Guarantees:
- no error of SQLAlchemy or of a driver leaves the store;
- a row has the values that its statement asked for, and the tag of the service if it has one.

- `asked_columns`: columns whose values a statement asks for
- `authenticated_rows`: verification of the tags of rows that decide about access
- `column_types`: column types that both databases support
- `engines`: connections to SQLite and PostgreSQL
- `errors`: translation of SQLAlchemy and SQLite errors to domain errors
- `expressions`: SQL expressions in the words of both databases
- `integrity`: keys of the tags, and reports of damaged rows
- `postgres`: connection settings and errors of PostgreSQL
- `schema`: metadata, naming convention, common columns
- `sqlite_files`: connection settings of SQLite files
- `statements`: statements of one transaction, and where the two dialects differ
"""
