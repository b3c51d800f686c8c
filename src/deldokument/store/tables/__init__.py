"""Tables that several modules query: columns, constraints that state invariants, and indexes.

A table that only one module queries is in that module.

Guarantees:
- The database refuses a row that breaks an invariant of a share, an upload or an event chain.
- The migrations create the same tables (tests/migrations compares them).

- `audit`: event chains, checkpoints, subjects
- `notification_addresses`: e-mail addresses for notifications
- `outbox`: transactional outbox, its cursors, and counts of sent notices
- `shares`: shares, recipients, documents, also removed ones, receipts
- `tags`: tags of the rows that decide about access
- `tenancy`: tenants, accounts, members, staff, integrations
- `uploads`: uploads, parts, garbage
- `webhooks`: webhooks
"""
