"""Settings: read once from `DELDOKUMENT_*`, then frozen.

May import: `domain`.

- `groups`: settings that are only of use together
- `settings`: all settings, and how they are loaded
- `types`: validated types of settings: URL, host, port, path
"""
