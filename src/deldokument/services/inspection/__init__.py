"""Use cases of document inspection.

May import: the packages of services below it, `ports`, `domain`, `crypto`.

- `documents`: reads each document once for checksums, media type and verdict
"""
