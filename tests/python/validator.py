"""A validator for the tests, on `websockets`: it asks a facilitator everything that the protocol has an answer to.

What it finds goes to stdout, a JSON object a line, for the test to judge. An answer other than the protocol's ends it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from typing import Any, Dict, List

from websockets.exceptions import ConnectionClosed

import flavours
from flavours import Connection, say

SUCCESS = '{"status":"success","errors":[]}'
HEARTBEAT = '{"message_type":"V0Heartbeat"}'
REPORTED = ["received", "accepted", "executor_ready", "volumes_ready", "execution_done", "completed"]


async def authenticate(connection: Connection, authentication: str) -> None:
    # Nothing else counts before, and what says so costs nothing.
    await connection.send(HEARTBEAT, pieces=3)
    await expect_error(connection, "auth.not_authenticated")
    await connection.send(authentication, pieces=7)
    await expect(connection, SUCCESS)


async def live(connection: Connection) -> None:
    """The whole life of one job, and everything that can be said amiss around it."""
    text = await connection.recv()
    job = json.loads(text)
    if job["message_type"] != "V2JobRequest" or job["type"] != "job.new":
        raise AssertionError(f"no job request came: {text!r}")
    say("job", text=text)
    for pieces, name in enumerate(REPORTED, 1):
        await connection.send(status(job["uuid"], name), pieces)
        await expect(connection, SUCCESS)
    await connection.send(status(job["uuid"], "accepted"))
    await expect_error(connection, "job.integrity_error")
    await connection.send(status("00000000-0000-4000-8000-000000000000", "accepted"))
    await expect_error(connection, "job.not_found")
    await amiss(connection)
    for payload in (b"", b"\x00\xff payload", b"x" * 125):
        await connection.ping(payload)
        await connection.pong(b"nobody has asked")
    await pipeline(connection, job["uuid"])


async def amiss(connection: Connection) -> None:
    """What is no message gets an error, and nothing more happens."""
    await connection.send("nonsense: zażółć 不行", pieces=9)
    await expect_error(connection, "json_invalid")
    await connection.send('{"message_type":"V0Heartbeat","extra":1}')
    await expect_error(connection, "extra_forbidden")
    await connection.send('{"message_type":"V0Heartbeats"}')
    await expect_error(connection, "union_tag_invalid")


async def pipeline(connection: Connection, job: str) -> None:
    """Many messages in one go: each has its answer, in their order, and heartbeats have none."""
    for number in range(110):
        await connection.send("nonsense" if number % 11 == 5 else status(job, "accepted"))
        await connection.send(HEARTBEAT)
    for number in range(110):
        await expect_error(connection, "json_invalid" if number % 11 == 5 else "job.integrity_error")


def status(job: str, name: str) -> str:
    metadata = None
    if name == "completed":
        metadata = {"miner_response": {"docker_process_stderr": "", "docker_process_stdout": "zażółć 不行"}}
    message = {"message_type": "V0JobStatusUpdate", "uuid": job, "status": name, "metadata": metadata}
    return json.dumps(message, ensure_ascii=False)


async def expect(connection: Connection, answer: str) -> None:
    text = await connection.recv()
    if text != answer:
        raise AssertionError(f"{answer} was expected, {text!r} came")


async def expect_error(connection: Connection, kind: str) -> None:
    text = await connection.recv()
    answer: Dict[str, Any] = json.loads(text)
    errors: List[Dict[str, Any]] = answer["errors"]
    shaped = set(answer) == {"status", "errors"} and all({"msg", "type", "help"} <= set(error) for error in errors)
    if not shaped or answer["status"] != "error" or kind not in {error["type"] for error in errors}:
        raise AssertionError(f"an error {kind} was expected, {text!r} came")


async def run(flavour: str, uri: str, authentication: str, ends: str) -> None:
    connection = await flavours.connect(flavour, uri)
    say("connected", extensions=connection.extensions())
    try:
        if ends == "refused":
            await connection.send(authentication)
            say("refused", answer=json.loads(await connection.recv()))
        else:
            await authenticate(connection, authentication)
            say("authenticated")
            await live(connection)
            await connection.send(authentication)
            await expect_error(connection, "auth.already_authenticated")
        if ends == "closes":
            await connection.close(1000, "done")
        else:
            say("waiting")
            raise AssertionError(f"the connection should have ended: {await connection.recv()!r}")
    except ConnectionClosed:
        pass
    connection.say_closed()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--flavour", choices=flavours.FLAVOURS, required=True)
    parser.add_argument("--uri", required=True)
    parser.add_argument("--authentication", required=True, help="the frame that authenticates")
    parser.add_argument("--ends", choices=("closes", "is-closed", "refused"), required=True)
    arguments = parser.parse_args()
    asyncio.run(run(arguments.flavour, arguments.uri, arguments.authentication, arguments.ends))


if __name__ == "__main__":
    main()
