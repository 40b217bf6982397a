"""The two flavours of `websockets`, asyncio and threads, as one. What is said over a connection is elsewhere."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
import threading
from typing import Any, Awaitable, Callable, List, Optional, Union

import websockets.asyncio.client
import websockets.asyncio.server
import websockets.sync.client
import websockets.sync.server
from websockets.protocol import State

FLAVOURS = ("asyncio", "threads")

# Nothing between two processes on one machine takes longer, however busy it is.
PATIENCE = 30.0

# Everything at its default, compression above all, but for these: pings all the time, and no limit to what waits to be
# read, so that a pong is found behind any number of messages.
OPTIONS = {"ping_interval": 0.05, "ping_timeout": PATIENCE, "max_queue": None}

_print_lock = threading.Lock()


def say(event: str, **fields: Any) -> None:
    """One line on stdout, for whoever judges."""
    with _print_lock:
        print(json.dumps({"event": event, **fields}), flush=True)


class Connection:
    """A connection of either flavour."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.is_asyncio = not hasattr(inner, "recv_events_thread")

    async def recv(self) -> Union[str, bytes]:
        if self.is_asyncio:
            return await asyncio.wait_for(self.inner.recv(), PATIENCE)
        return self.inner.recv(PATIENCE)

    async def send(self, text: str, pieces: int = 1) -> None:
        """Sends a text in so many frames, cut without regard to its characters."""
        data = text.encode()
        size = max(1, -(-len(data) // pieces))
        fragments = [data[at : at + size] for at in range(0, len(data), size)]
        sent = self.inner.send(data if pieces == 1 else fragments, text=True)
        if self.is_asyncio:
            await sent

    async def ping(self, payload: bytes) -> None:
        """Returns when the pong with this payload has come."""
        if self.is_asyncio:
            await asyncio.wait_for(await self.inner.ping(payload), PATIENCE)
        elif not self.inner.ping(payload, ack_on_close=True).wait(PATIENCE):
            raise TimeoutError("no pong")
        elif self.inner.state is State.CLOSED:
            raise self.inner.protocol.close_exc

    async def pong(self, payload: bytes) -> None:
        sent = self.inner.pong(payload)
        if self.is_asyncio:
            await sent

    async def close(self, code: int, reason: str) -> None:
        closed = self.inner.close(code, reason)
        if self.is_asyncio:
            await closed

    def drop(self) -> None:
        """Ends the TCP connection, and says nothing."""
        if self.is_asyncio:
            self.inner.transport.abort()
        else:
            self.inner.socket.shutdown(socket.SHUT_RDWR)

    def extensions(self) -> List[str]:
        """What was negotiated."""
        return [extension.name for extension in self.inner.protocol.extensions]

    def say_closed(self, **fields: Any) -> None:
        """Tells how it ended: what was received and sent, and which came first."""
        protocol = self.inner.protocol

        def frame(close: Any) -> Optional[List[Any]]:
            return close and [close.code, close.reason]

        say(
            "closed",
            received=frame(protocol.close_rcvd),
            sent=frame(protocol.close_sent),
            peer_first=protocol.close_rcvd_then_sent,
            keepalive=self.inner.latency > 0,
            **fields,
        )


Handler = Callable[[Connection], Awaitable[None]]


def serve(flavour: str, handler: Handler, max_size: Optional[int]) -> None:
    """Serves at a free port, which it tells, until stdin ends."""
    if flavour == "asyncio":
        asyncio.run(_serve_asyncio(handler, max_size))
    else:
        _serve_threads(handler, max_size)


async def _serve_asyncio(handler: Handler, max_size: Optional[int]) -> None:
    async def handle(inner: Any) -> None:
        await handler(Connection(inner))

    serving = websockets.asyncio.server.serve(handle, "127.0.0.1", 0, max_size=max_size, **OPTIONS)
    async with serving as server:
        say("listening", port=server.sockets[0].getsockname()[1])
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


def _serve_threads(handler: Handler, max_size: Optional[int]) -> None:
    def handle(inner: Any) -> None:
        asyncio.run(handler(Connection(inner)))

    serving = websockets.sync.server.serve(handle, "127.0.0.1", 0, max_size=max_size, **OPTIONS)
    with serving as server:
        say("listening", port=server.socket.getsockname()[1])
        threading.Thread(target=server.serve_forever).start()
        sys.stdin.read()


async def connect(flavour: str, uri: str) -> Connection:
    if flavour == "asyncio":
        return Connection(await websockets.asyncio.client.connect(uri, **OPTIONS))
    return Connection(websockets.sync.client.connect(uri, **OPTIONS))
