"""Repositories on SQLite and PostgreSQL, through SQLAlchemy.

Guarantees:
- both databases keep the contracts of `ports.repositories`;
- no error of SQLAlchemy or of a driver leaves this package.

Gets the keys of the tags, and no other key. Does not know why a row exists.

- `accounts`: accounts
- `additions`: documents beside a published share
- `agreements`: published texts, signed documents, signing intents
- `asked_columns`: columns whose values a statement asks for
- `audit`: event chains
- `audit_heads`: what the next event of each chain follows
- `authenticated_rows`: tags of rows that decide about access
- `backlog`: counts of pending work
- `checkpoints`: checkpoints of event chains, and their certificates
- `column_types`: column types that both databases support
- `copies`: uploads that a worker fills with a copy
- `damage`: search for damaged rows, and events about them
- `database`: transactions
- `deployment`: the deployment's row
- `engines`: connections to SQLite and PostgreSQL
- `errors`: translation of SQLAlchemy and SQLite errors to domain errors
- `event_rows`: events as rows
- `exchange_keys`: key pairs of encrypted uploads
- `expressions`: SQL expressions in the words of both databases
- `idempotency`: idempotency records of API requests
- `integrations`: organisations whose systems may use an account
- `members`: members of accounts
- `migrations`: schema migrations with Alembic
- `notification_addresses`: e-mail addresses for notifications
- `orphans`: progress of the orphan sweep
- `outbox`: transactional outbox and its cursors
- `postgres`: connection settings and errors of PostgreSQL
- `privileges`: privileges of the processes' own roles in PostgreSQL
- `programs`: programs with access within a session
- `rate_limits`: rate limit state per consumer
- `receipts`: receipts of recipients
- `retention`: queries for shares, keys and records that are due to end or to be erased
- `seal_requests`: requests to the worker's seal
- `sessions`: sessions and pending logins
- `share_cards`: cards of shares
- `share_ends`: proof that shares are over
- `share_lookup`: shares by ids that may be unknown, and by recipients
- `shares`: shares, recipients, documents
- `staff`: administrators, operators, the roles of a person
- `statements`: statements of one transaction, and where the two dialects differ
- `statistics`: counts of published shares
- `subjects`: persons in the audit trail
- `tables`: table definitions
- `tenant_lifecycle`: impact assessments and offboarding records
- `tenants`: tenants
- `uploads`: uploads, parts, garbage
- `webhooks`: webhooks
"""
