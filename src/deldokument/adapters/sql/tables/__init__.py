"""Table definitions: columns, constraints that state invariants, and indexes.

Guarantees:
- the database refuses a row that breaks an invariant of a share, an upload or an event chain;
- the migrations create the same tables (tests/migrations compares them).

- `agreements`: published texts, signed documents, signing intents
- `audit`: event chains, checkpoints, subjects
- `base`: metadata, naming convention, common columns
- `bytes`: uploads, parts, garbage
- `exchange_keys`: key pairs of encrypted uploads
- `idempotency`: idempotency records of API requests
- `logins`: sessions with their programs, pending logins, the deployment's row, the sweep's row
- `notification_addresses`: e-mail addresses for notifications
- `outbox`: transactional outbox, its cursors, and counts of sent notices
- `rate_limits`: rate limit state per consumer
- `seal_requests`: the seal's status, and requests to it
- `shares`: shares, recipients, documents, also removed ones, receipts
- `tenancy`: tenants, accounts, members, staff, integrations
- `tenant_lifecycle`: impact assessments and offboarding records
- `webhooks`: webhooks
"""
