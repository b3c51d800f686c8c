"""Limits for anonymous callers.

- `refusal_time`: delays refusals at a link to fixed steps of time
- `slots`: bounded thread pool for routes with anonymous callers
"""
