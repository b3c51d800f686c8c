"""Use cases of the audit log.

May import: the packages of services below it, `ports`, `domain`, `crypto`.

- `actors`: resolves subject ids to persons and systems
- `browsing`: opens, searches and pages the event log
- `checkpoints`: signs checkpoints of the event chains
- `damage`: search for damaged rows, and the alarm
- `export`: writes events as a file that verifies offline
- `recording`: records an event
- `report_verification`: verifies the report of a share offline
- `search`: parses search filters
- `verification`: verifies the chains of a database or an exported file
"""
