"""Rules about shares, uploads, people and agreements. Standard library only.

- `access_requests`: requests of recipients for more time or a new share
- `accounts`: names and rules of accounts
- `agreement_records`: signed main agreements and service agreements
- `agreement`: kinds and versions of agreement texts
- `audit`: audit events and their hash chain
- `byte_ranges`: half-open byte ranges
- `chain`: verification of an event chain
- `characters`: invisible characters, and text that shows nothing
- `email_addresses`: e-mail addresses and notification choices
- `errors`: error classes
- `identifiers`: Norwegian person and organisation numbers
- `impact_assessment`: data protection impact assessment of a tenant
- `norwegian_time`: the time zone, and the date in it
- `offboarding`: totals and deletion of a tenant that has left
- `outbox`: messages of the transactional outbox
- `policy`: access decisions, as pure functions
- `report`: report of one share, and what its signature covers
- `row_evidence`: comparison of rows that decide about access with the event log
- `scan_policy`: which verdicts release a document, and on what condition
- `scanning`: malware scans: engine and report
- `share`: share, document, recipient and receipt
- `statistics`: counts of shares by account and month
- `tenancy`: tenants, accounts, members, administrators and integrations
- `text_messages`: how many text messages a text takes
- `upload`: uploads and their parts
- `uuids`: ids as UUIDs
- `webhook`: webhooks and their permitted addresses
"""
