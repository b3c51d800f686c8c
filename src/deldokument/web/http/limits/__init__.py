"""Limits for anonymous callers, and the lease on an idempotency key.

- `lease_renewal`: renewal of the lease on an idempotency key
- `refusal_time`: delays refusals at a link to fixed steps of time
- `slots`: bounded thread pool for routes with anonymous callers
"""
