"""HTTP request handling that pages, transfers and interfaces share.

- `csv`: CSV lines for spreadsheets
- `damage_recorder`: records damaged rows that a request has found
- `devices`: coarse names of browsers
- `dispatch`: request dispatch: session, CSRF, body, handler, errors
- `document_texts`: display texts of media types
- `errors`: the one table from errors to status codes and messages
- `form_values`: dates and counts of form fields and queries
- `forms`: streaming parser of forms with files
- `fresh_login`: acts that need a fresh login
- `i18n`: translations, dates and sizes in bokmål, nynorsk and English
- `json_fields`: fields of the JSON body of a page's call
- `lease_renewal`: renewal of the lease on an idempotency key
- `media_type`: media type of a request's body
- `meter`: metrics of requests, refusals, calls to registers and database connections
- `multipart`: multipart/form-data parser that all readers share
- `pagination`: pagination tokens of pages
- `path_encoding`: rejection of control characters in paths
- `preconditions`: If-Match and If-None-Match
- `problems`: errors as application/problem+json
- `rate_limit`: rate limit headers
- `refusal_time`: sends refusals at a link in steps of time
- `rendering`: page rendering with Jinja
- `report_document`: text of a share's report, for the PDF
- `request`: request context of a handler, and route declarations
- `resubmission`: resubmission of a form after its session has ended
- `site`: the deployment's values that pages need
- `slots`: bounded thread pool for routes with anonymous callers
"""
