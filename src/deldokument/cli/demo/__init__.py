"""`deldokument demo`.

- `data`: example data of the demo
- `demo`: `deldokument demo`
- `sender`: a system that shares through the API
"""
