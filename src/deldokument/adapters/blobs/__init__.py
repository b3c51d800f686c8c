"""Blob stores for ciphertext.

- `directory`: files in a directory, for a deployment on one machine
- `s3`: objects in a bucket of an S3-compatible service
"""
