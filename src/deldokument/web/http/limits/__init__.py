"""Limits that anonymous callers meet, and the lease on an idempotency key.

- `lease_renewal`: renewal of the lease on an idempotency key
- `refusal_time`: sends refusals at a link in steps of time
- `slots`: bounded thread pool for routes with anonymous callers
"""
