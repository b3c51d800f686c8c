"""The interface that is compatible with KS Fiks del dokument (docs/ks-compatible.md).

Never imports: `web.pages`, `web.api`.

- `account_schemas`: conversion between KS' objects and ours
- `accounts`: accounts of the caller
- `app`: the application and its routes
- `callers`: authentication by session, or by token and integration password
- `errors`: errors as `ErrorMessage`
- `forms`: streaming parser of the share form
- `sharing`: a published share in one request
"""
