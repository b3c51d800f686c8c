"""HTTP server: processes, connections and sockets around uvicorn.

Imports nothing else of Del dokument; only web, bootstrap and cli import it.

- `acknowledgement`: how much of a response the peer has received, and whether it closed with unread bytes
- `connections`: HTTP connection with limits on heads, idle time and pipelining
- `listeners`: the public and the management application in one process, one listener each
- `socket_lending`: lends a connection's socket to a thread
- `supervisor`: parent process of several server processes on one socket
- `thread_pool`: thread pool that keeps the context variables of its submitter
- `transfer_threads`: thread pools for transfers of fast clients
"""
