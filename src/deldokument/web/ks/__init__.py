"""The interface that is compatible with KS Fiks del dokument (docs/ks-compatible.md).

Never imports: `web.pages`, `web.api`.

- `accounts`: accounts of the caller
- `app`: the application and its routes
- `callers`: authentication by session, or by token and integration password
- `errors`: errors as `ErrorMessage`
- `forms`: streaming parser of the share form
- `schemas`: conversion between KS' objects and ours
- `sharing`: a published share in one request
"""
