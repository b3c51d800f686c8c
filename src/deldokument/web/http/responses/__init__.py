"""Pages, texts, errors and headers of a response.

- `csv`: CSV lines for spreadsheets
- `document_texts`: display texts of media types
- `error_texts`: messages of errors, by code
- `errors`: status codes of errors, and their messages in the person's language
- `i18n`: translations, dates and sizes in bokmål, nynorsk and English
- `problems`: errors as application/problem+json
- `rate_limit`: rate limit headers
- `rendering`: page rendering with Jinja
- `report_document`: text of a share's report, for the PDF
"""
