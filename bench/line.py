"""A line as long as the internet's between client and server: a TCP proxy that delays, and caps what is in flight.

Every byte takes half the round trip in each direction. A connection has at most ``window`` bytes of an upload in
flight, like a sender with a full window. One connection carries ``window`` a round trip, several carry several
times that.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

_PIECE = 64 * 1024


@dataclass(frozen=True, slots=True)
class Line:
    """``round_trip`` in seconds, ``window`` in bytes."""

    round_trip: float = 0.080
    window: int = 2**20

    async def carry(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        """One direction of one connection, to its end."""
        loop = asyncio.get_running_loop()
        sent: deque[tuple[float, int]] = deque()
        arriving: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        delivery = asyncio.ensure_future(self._deliver(arriving, sink))
        try:
            in_flight = 0
            while data := await source.read(_PIECE):
                now = loop.time()
                sent.append((now, len(data)))
                in_flight += len(data)
                arriving.put_nowait((now + self.round_trip / 2, data))
                while in_flight + _PIECE > self.window or (sent and sent[0][0] + self.round_trip <= loop.time()):
                    at, length = sent.popleft()
                    # Acknowledged a round trip after it went.
                    await asyncio.sleep(max(0.0, at + self.round_trip - loop.time()))
                    in_flight -= length
            arriving.put_nowait((loop.time() + self.round_trip / 2, b""))
            await delivery
        finally:
            delivery.cancel()

    async def _deliver(self, arriving: asyncio.Queue[tuple[float, bytes]], sink: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        while True:
            at, data = await arriving.get()
            await asyncio.sleep(max(0.0, at - loop.time()))
            if not data:
                if sink.can_write_eof():
                    sink.write_eof()
                return
            sink.write(data)
            await sink.drain()


@contextmanager
def far_away(port: int, line: Line) -> Iterator[int]:
    """A port on the loopback that leads to ``port`` by such a line, served by a thread of its own."""
    loop = asyncio.new_event_loop()

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            there, back = await asyncio.open_connection("127.0.0.1", port)
            try:
                await asyncio.gather(line.carry(reader, back), line.carry(there, writer))
            finally:
                back.close()
        writer.close()

    server = loop.run_until_complete(asyncio.start_server(connect, "127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        asyncio.run_coroutine_threadsafe(_end(server), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _end(server: asyncio.Server) -> None:
    server.close()
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)
