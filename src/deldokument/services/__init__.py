"""Use cases: one verb and one transaction each. Actor and time are arguments.

May import: `ports`, `store`, `domain`, `crypto`.

Its packages and modules are layers: each imports only those listed below it.

- `maintenance`: end of shares, destruction of keys, erasure, sweeps, worker lag
- `tenants`: a tenant's registration, activation, administrators, freezing, offboarding
- `text_fields`: encrypted texts of shares
- `api`: idempotency and one-request shares of the API
- `notifications`: outbox, notices, e-mail, webhooks
- `inspection`: inspection of uploaded documents
- `downloads`: access and decrypted bytes for recipients
- `uploads`: reception and encryption of bytes
- `shares`: drafts, publishing, four eyes, views of shares
- `agreements`: agreement texts, signing, impact assessments
- `auth`: sessions and roles
- `accounts`: accounts, members, integrations, statistics
- `audit`: recording, search, export and verification of events
- `people`: encrypted records of persons
- `each`: runs work for many items, so that a failing item does not stop the others
- `rate_limit`: rate limits of persons, browsers and API consumers
- `encryption`: choice of key for each encrypted field
"""
