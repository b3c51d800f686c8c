"""The event log, and what keeps it tamper-evident.

- `audit`: event chains
- `audit_heads`: what the next event of each chain follows
- `checkpoints`: checkpoints of event chains, and their certificates
- `damage`: search for damaged rows, and events about them
- `event_rows`: events as rows
- `seal_requests`: requests to the worker's seal
- `subjects`: persons in the audit trail
"""
