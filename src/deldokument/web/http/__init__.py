"""HTTP request handling that pages, transfers and interfaces share.

- `damage_recorder`: records damaged rows that a request has found
- `dispatch`: request dispatch: session, CSRF, body, handler, errors
- `fresh_login`: keeps forms that need a fresh login
- `idempotency`: requests with an idempotency key
- `limits`: limits of anonymous callers
- `meter`: metrics of requests, refusals, calls to registers and database connections
- `request`: request context of a handler, and route declarations
- `requests`: parts of a request
- `responses`: pages, texts, errors and headers of a response
- `resubmission`: resubmission of a form after its session has ended
- `site`: the deployment's values that pages need
"""
