"""Uploads, downloads and exports as byte streams.

- `downloads`: downloads of a document or of the zip, with ranges
- `request_body`: body of an upload request, from socket to use case
- `response_receipt`: counts and records what one response has delivered
- `tenant_export`: zip of a tenant's data
- `tus`: tus 1.0.0 uploads
- `zip_stream`: zip that is written while it is sent
"""
