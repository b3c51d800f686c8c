"""The store: the database as it is, on SQLite or PostgreSQL, through SQLAlchemy.

Guarantees:
- both databases keep the same contracts; tests/contract/store runs against both;
- no error of SQLAlchemy or of a driver leaves this package.

Gets the keys of the tags, and no other key. Does not know why a row exists.

May import: `domain`, `crypto`. Its packages are layers, from `maintenance` down to `engine`.

- `audit`: the event log, and what keeps it tamper-evident
- `auth`: logins, and what bounds and repeats the calls of systems
- `database`: the database, which opens transactions
- `engine`: connections, statements, columns and errors of both databases
- `maintenance`: what the worker looks for, and figures for operators
- `migrations`: schema migrations with Alembic
- `outbox`: messages to people and systems outside
- `privileges`: privileges of the processes' own roles in PostgreSQL
- `shares`: shares with their recipients, documents and receipts
- `tables`: table definitions
- `tenancy`: bodies that share, their agreements, their accounts, and who may act for them
- `transaction`: the transaction, with all repositories
- `uploads`: uploads and their parts
"""
