"""The event log with its hash chains, checkpoints and damage reports.

- `audit`: event chains
- `audit_heads`: heads of the chains, to which the next events are linked
- `checkpoints`: checkpoints of event chains, and their certificates
- `damage`: finds damaged rows, and events about them
- `event_rows`: events as rows
- `seal_requests`: requests to the worker to sign
- `subjects`: persons in the audit trail
"""
