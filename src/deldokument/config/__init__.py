"""Settings: read once from `DELDOKUMENT_*`, then frozen.

May import: `domain`.

- `credentials`: settings from files that the service manager provides
- `groups`: settings that belong together: all of a group are needed, or none
- `settings`: all settings, and how they are loaded
- `types`: validated types of settings: URL, host, port, path
"""
