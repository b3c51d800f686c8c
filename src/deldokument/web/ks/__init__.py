"""The interface that is compatible with KS Fiks del dokument and Dokumentlager (docs/ks-compatible.md).

Never imports: `web.pages`, `web.api`.

- `account_schemas`: conversion between KS' objects and ours
- `accounts`: accounts of the caller
- `app`: the applications and their routes
- `callers`: authentication by session, or by token and integration password
- `dispatch`: limits and errors of every request
- `errors`: errors as `ErrorMessage`
- `forms`: streaming parser of the share form
- `metadata`: the form's part with recipients, texts and period
- `sharing`: a published share in one request
- `store`: documents by their ids, as in Fiks Dokumentlager
- `store_schemas`: conversion to the objects of Fiks Dokumentlager
"""
