"""`make release`: every artefact of a version, built from a clean clone of one commit (docs/releasing.md).

- `archives`: tar files without times and owners
- `audit`: known vulnerabilities, for `make audit`
- `build`: the clone, and the wheels and archives built in it
- `image`: the container image
- `inventory`: what the packages say of themselves: versions, hashes, licences
- `provenance`: the SLSA provenance, as an in-toto statement
- `sbom`: CycloneDX documents
- `signing`: checksums and their signature

Guarantees:
- The same commit and the same Python give the same bytes, in any folder. Exceptions: the signature and the image.
- Nothing is built from a file that is not committed.
"""
