"""Uploads and their parts.

- `copies`: uploads that a worker fills with a copy
- `exchange_keys`: key pairs of encrypted uploads
- `uploads`: uploads, parts, garbage
"""
