"""Settings: read once from `DELDOKUMENT_*`, then frozen.

May import: `domain`.

- `settings`: the settings
- `types`: validated types of settings: URL, host, port, path
"""
