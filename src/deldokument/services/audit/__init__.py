"""Use cases of the audit log.

May import: the packages of services below it, `ports`, `store`, `domain`, `crypto`.

- `actors`: resolves subject ids to persons and systems
- `browsing`: opens, searches and pages the event log
- `checkpoints`: signs checkpoints of the event chains
- `damage`: finds damaged rows, and raises the alarm
- `export`: writes events as a file that verifies offline
- `heads`: keeps the heads of the chains in the keyring's store, and compares the database with them
- `recording`: records an event
- `report_verification`: verifies the report of a share offline
- `restores`: lists removals that a restored database has undone; lets its tenants continue
- `search`: parses search filters
- `verification`: verifies the chains of a database or an exported file
"""
