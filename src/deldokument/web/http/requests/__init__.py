"""Parts of a request: forms, fields and headers.

- `bearer`: bearer tokens of requests
- `devices`: coarse names of browsers
- `form_values`: dates and counts of form fields and queries
- `forms`: streaming parser of forms with files
- `json_fields`: fields of the JSON body of a page's call
- `media_type`: media type of a request's body
- `multipart`: multipart/form-data parser that all readers share
- `pagination`: pagination tokens of pages
- `path_encoding`: rejection of control characters in paths
- `preconditions`: If-Match and If-None-Match
"""
