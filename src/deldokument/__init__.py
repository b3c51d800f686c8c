"""Del dokument: share files with named citizens and organisations for a limited period; then they are destroyed.

- `cli`: commands for operators and senders
- `bootstrap`: builds the running program from settings
- `web`: HTTP: pages, API, KS interface, uploads, downloads
- `worker`: background loops that bring storage, registers and channels in line with the database
- `adapters`: implementations of the ports: blob stores, keys, registers, mail
- `services`: use cases
- `ports`: contracts that adapters implement and use cases call
- `store`: the database: tables, queries, transactions
- `domain`: rules about shares, uploads, people and agreements
- `crypto`: encryption formats and keys
- `config`: settings
- `server`: HTTP server processes, connections and sockets
- `client`: Python client of the public API
- `simulators`: simulated national registers
"""

__version__ = "1.0.0"
