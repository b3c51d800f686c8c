"""Settings: read once from `DELDOKUMENT_*`, then frozen.

May import: `domain`.

- `credentials`: settings from files that the service manager provides
- `groups`: settings that are only of use together
- `settings`: all settings, and how they are loaded
- `types`: validated types of settings: URL, host, port, path
"""
