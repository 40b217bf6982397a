"""The incumbent's way to report statuses, for the comparison of speed: `websockets`, a pydantic model for every message,
one `send` a message, which tenacity tries again and which a turn of the event loop follows, answers that pydantic reads.
With `--plain`, without these two.

The parent asks for turns on stdin, a JSON object a line, and gets what each has cost on stdout.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import threading
import time
from collections import deque
from enum import Enum
from typing import Any, Deque, Dict, List, Literal, Optional, Tuple

import websockets.asyncio.client
import tenacity
from pydantic import BaseModel, ConfigDict
from websockets.exceptions import ConnectionClosed

OUTPUT = "epoch 1, loss 0.25\nepoch 2, loss 0.125\ndone\n"
AT_ONCE = 8


class JobStatus(str, Enum):
    RECEIVED = "received"
    ACCEPTED = "accepted"
    EXECUTOR_READY = "executor_ready"
    VOLUMES_READY = "volumes_ready"
    EXECUTION_DONE = "execution_done"
    COMPLETED = "completed"


class MinerResponse(BaseModel, extra="allow"):
    docker_process_stderr: str
    docker_process_stdout: str
    artifacts: Optional[Dict[str, str]] = None
    upload_results: Optional[Dict[str, str]] = None


class JobStatusMetadata(BaseModel, extra="allow"):
    miner_response: Optional[MinerResponse] = None
    job_rejection_details: Optional[Dict[str, Any]] = None
    job_failure_details: Optional[Dict[str, Any]] = None
    horde_failure_details: Optional[Dict[str, Any]] = None
    streaming_details: Optional[Dict[str, Any]] = None


class V0JobStatusUpdate(BaseModel, extra="forbid"):
    message_type: Literal["V0JobStatusUpdate"] = "V0JobStatusUpdate"
    uuid: str
    status: JobStatus
    metadata: Optional[JobStatusMetadata] = None


class Error(BaseModel, extra="allow"):
    msg: str
    type: str
    help: str = ""


class Response(BaseModel):
    model_config = ConfigDict(extra="forbid")

    status: Literal["error", "success"]
    errors: List[Error] = []


def uuid(job: int) -> str:
    """As `workload.rs` makes them."""
    high, low = word(2 * job + 1), word(2 * job + 2)
    return (
        f"{high >> 32:08x}-{(high >> 16) & 0xFFFF:04x}-4{high & 0xFFF:03x}"
        f"-8{low >> 52:03x}-{low & 0xFFFF_FFFF_FFFF:012x}"
    )


def word(number: int) -> int:
    bits = (1 << 64) - 1
    state = number * 0x9E37_79B9_7F4A_7C15 & bits
    mixed = (state ^ (state >> 30)) * 0xBF58_476D_1CE4_E5B9 & bits
    mixed = (mixed ^ (mixed >> 27)) * 0x94D0_49BB_1331_11EB & bits
    return mixed ^ (mixed >> 31)


class Client:
    def __init__(self, socket: websockets.asyncio.client.ClientConnection, window: int, plain: bool) -> None:
        self.socket = socket
        self.send = self.send_plainly if plain else self.send_as_the_incumbent
        self.window = window
        self.permits = asyncio.Semaphore(window)
        self.unanswered: Deque[Tuple[str, JobStatus]] = deque()

    async def read(self) -> None:
        async for text in self.socket:
            response = Response.model_validate_json(text)
            if response.status != "success":
                raise AssertionError(f"the server refused an update: {response.errors}")
            self.unanswered.popleft()
            self.permits.release()
        raise AssertionError("the server has gone")

    async def run(self, jobs: List[str]) -> None:
        for begin in range(0, len(jobs), AT_ONCE):
            for status in JobStatus:
                for job in jobs[begin : begin + AT_ONCE]:
                    await self.report(job, status)
        # All are back: everything is answered.
        for _ in range(self.window):
            await self.permits.acquire()
        for _ in range(self.window):
            self.permits.release()

    async def report(self, job: str, status: JobStatus) -> None:
        metadata = None
        if status is JobStatus.COMPLETED:
            output = MinerResponse(docker_process_stderr="", docker_process_stdout=OUTPUT)
            metadata = JobStatusMetadata(miner_response=output)
        update = V0JobStatusUpdate(uuid=job, status=status, metadata=metadata)
        await self.permits.acquire()
        self.unanswered.append((job, status))
        await self.send(update)

    async def send_plainly(self, message: BaseModel) -> None:
        await self.socket.send(message.model_dump_json())

    @tenacity.retry(
        stop=tenacity.stop_after_attempt(7),
        wait=tenacity.wait_exponential(min=1, max=10),
        retry=tenacity.retry_if_exception_type(ConnectionClosed),
    )
    async def send_as_the_incumbent(self, message: BaseModel) -> None:
        await self.socket.send(message.model_dump_json())
        # It does so lest `send`, which seldom waits, keeps all others waiting.
        await asyncio.sleep(0)


def say(what: Dict[str, Any]) -> None:
    print(json.dumps(what), flush=True)


def hear(loop: asyncio.AbstractEventLoop, turns: asyncio.Queue[Dict[str, int]]) -> None:
    """Ends the process with its parent."""
    for line in sys.stdin:
        loop.call_soon_threadsafe(turns.put_nowait, json.loads(line))
    os._exit(0)


async def measure(client: Client, turns: asyncio.Queue[Dict[str, int]]) -> None:
    while True:
        turn = await turns.get()
        jobs = [uuid(job) for job in range(turn["first_job"], turn["first_job"] + turn["jobs"])]
        began, cpu_before = time.perf_counter(), time.process_time()
        await client.run(jobs)
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu_before
        say({"seconds": seconds, "cpu_seconds": cpu})


async def run(port: int, window: int, authentication: str, plain: bool) -> None:
    turns: asyncio.Queue[Dict[str, int]] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    threading.Thread(target=hear, args=(loop, turns), daemon=True).start()
    async with websockets.asyncio.client.connect(f"ws://127.0.0.1:{port}/ws/v0/", proxy=None) as socket:
        await socket.send(authentication)
        Response.model_validate_json(await socket.recv())
        client = Client(socket, window, plain)
        say({"connected": True})
        # Whichever fails first ends the other.
        done, _ = await asyncio.wait(
            [asyncio.ensure_future(client.read()), asyncio.ensure_future(measure(client, turns))],
            return_when=asyncio.FIRST_EXCEPTION,
        )
        for task in done:
            task.result()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--window", type=int, required=True)
    parser.add_argument("--core", type=int, required=True)
    parser.add_argument("--authentication", required=True, help="the frame that authenticates")
    parser.add_argument("--plain", action="store_true", help="without tenacity, without a turn of the event loop")
    arguments = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        try:
            os.sched_setaffinity(0, {arguments.core})
        except OSError:
            pass
    asyncio.run(run(arguments.port, arguments.window, arguments.authentication, arguments.plain))


if __name__ == "__main__":
    main()
