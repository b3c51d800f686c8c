"""Use cases that only the API needs.

May import: the packages of services below it, `ports`, `store`, `domain`, `crypto`.

- `idempotency`: runs a request with an idempotency key once, and replays its response
- `one_request_share`: creates, uploads and publishes a share in one request
"""
