"""HTTP server: processes, connections and sockets around uvicorn.

Imports nothing else of Del dokument; only web, bootstrap and cli import it.

- `acknowledgement`: how much of a response the peer's TCP has acknowledged, and whether the peer reset the connection
- `connections`: HTTP connection with limits on heads, idle time and pipelining
- `listeners`: the public and the management application in one process, one listener each
- `socket_lending`: lends a connection's socket to a thread
- `supervisor`: parent process of several server processes on one socket
- `transfer_threads`: thread pools for transfers of fast clients
"""
