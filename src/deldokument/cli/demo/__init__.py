"""`deldokument demo`.

- `data`: example data of the demo
- `demo`: `deldokument demo`
- `sender`: the demo's system that shares through the API
"""
