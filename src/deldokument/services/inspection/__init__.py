"""Use cases of document inspection.

May import: the packages of services below it, `ports`, `store`, `domain`, `crypto`.

- `archives`: scans an archive above the engine's limit, member by member
- `documents`: reads each document for checksums, media type and verdict
- `gzip_content`: unpacks a gzip as a stream
- `tar_members`: finds the members of a tar
- `zip_members`: finds and unpacks the members of a zip
"""
