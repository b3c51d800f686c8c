"""The store: the database as it is, on SQLite or PostgreSQL, through SQLAlchemy.

Guarantees:
- Both databases fulfil the same contracts: tests/contract/store runs against both.
- Only errors of the domain are raised, never those of SQLAlchemy or a driver.

Its only keys are those of the row tags.

May import: `domain`, `crypto`. Its packages are layers, from `maintenance` down to `engine`.

- `audit`: the event log with its hash chains, checkpoints and damage reports
- `auth`: sessions, programs, rate limits and idempotency records
- `database`: the database, which opens transactions
- `engine`: connections, statements, columns and errors of both databases
- `maintenance`: queries for the worker's due rows, and figures for operators
- `migrations`: schema migrations with Alembic
- `outbox`: messages to people and systems outside
- `privileges`: privileges of the processes' own roles in PostgreSQL
- `shares`: shares with their recipients, documents and receipts
- `tables`: table definitions
- `tenancy`: tenants with their agreements, accounts, members and administrators
- `transaction`: the transaction, with all repositories
- `uploads`: uploads and their parts
"""
