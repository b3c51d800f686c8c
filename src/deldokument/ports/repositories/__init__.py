"""Repository ports: contracts of the database, used within one transaction.

- `accounts`: accounts
- `agreements`: agreement texts, signed documents, signing intents
- `audit`: event chains, checkpoints, subjects
- `backlog`: counts of pending work
- `damage`: search for damaged rows, and those that have an event
- `deployment`: the deployment's row: heartbeat, and the stores in use
- `exchange_keys`: key pairs of encrypted uploads
- `idempotency`: idempotency records of API requests
- `integrations`: organisations whose systems may use an account
- `members`: members of accounts
- `notification_addresses`: e-mail addresses for notifications
- `orphans`: progress of the sweep of the blob store
- `outbox`: transactional outbox and its cursors
- `rate_limits`: rate limit state per consumer
- `receipts`: receipts of recipients
- `retention`: shares, keys and records that are due to end or to be erased
- `row_tagging`: tags and cards for rows of versions before 0.3.0
- `seal_requests`: requests to the worker's seal, and its status
- `sessions`: sessions and pending logins
- `shares`: shares, recipients, documents
- `staff`: administrators, operators, the roles of a person
- `statistics`: counts of published shares
- `tenant_lifecycle`: impact assessments and offboarding records
- `tenants`: tenants
- `transaction`: the transaction with all repositories, and the database that opens it
- `uploads`: uploads, parts, garbage
- `webhooks`: webhooks
"""
