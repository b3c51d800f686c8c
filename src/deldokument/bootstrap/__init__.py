"""Composition root: chooses the adapters by the settings, and builds the running program.

May import: `web`, `worker`, `adapters`, `services`, `ports`, `store`, `domain`, `config`, `server`, `simulators`.

Composing:
- `keys`: opens root keys and keyring
- `registers`: builds the adapters to national registers
- `runtime`: builds the dependencies of the use cases
- `scanner`: builds the malware scanner
- `schema`: decides whether this program can use a database

Running:
- `logs`: configures the log
- `node_state`: free space of this machine, and expiry of its keys and certificates
- `serve`: runs the web application
- `spans`: traces in OpenTelemetry's protocol
- `tracing`: traces a process if an endpoint is configured; only then imports `spans`
- `tune`: tunes glibc's memory, garbage collection and the worker's priority
- `work`: runs the worker
"""
