"""Sessions, programs, rate limits and idempotency records.

- `idempotency`: idempotency records of API requests
- `programs`: programs with access within a session
- `rate_limits`: rate limit state per consumer
- `sessions`: sessions and pending logins
"""
