"""Composition root: chooses the adapters by the settings, and builds the running program.

May import: `web`, `worker`, `adapters`, `services`, `ports`, `domain`, `crypto`, `config`, `server`, `simulators`.

- `keys`: opens root keys and keyring
- `registers`: builds the adapters to national registers
- `runtime`: builds the dependencies of the use cases
- `serve`: runs the web application
- `work`: runs the worker
"""
