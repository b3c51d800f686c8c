"""KS' interface to Fiks del dokument, as its published description has it, for systems that speak it already.

Paths, fields, status codes and errors are KS'; the use cases are ours (docs/ks-compatible.md says what differs).
"""
