"""A facilitator for the tests, on `websockets`: it knows of the client under test no more than the protocol.

It pushes jobs, answers what has an answer, and ends its connections as planned. Whatever it sees goes to stdout, a JSON
object a line, for the test to judge; what no validator may do is a `wrong` line.
"""

from __future__ import annotations

import argparse
import json
import re
import time
import uuid
from typing import Any, Dict, List, Optional, Set, Tuple, Union

from websockets.exceptions import ConnectionClosed

import flavours
import keys
from flavours import Connection, say

SUCCESS = '{"status":"success","errors":[]}'

STATUSES = {
    "received", "accepted", "executor_ready", "streaming_ready", "volumes_ready", "execution_done",
    "completed", "rejected", "failed", "horde_failed",
}  # fmt: skip


class Wrong(Exception):
    """What no validator may do."""


class Facilitator:
    """What outlives a connection."""

    def __init__(self, program: str, validator: str, jobs: List[str], plan: List[Dict[str, Any]]) -> None:
        self.program = program
        self.validator = validator
        self.jobs = {json.loads(job)["uuid"]: job for job in jobs}
        # How each connection ends, in their order; later ones are left to the client.
        self.plan = plan
        self.connections = 0
        self.stored: Set[Tuple[str, str]] = set()

    async def handle(self, connection: Connection) -> None:
        number = self.connections
        self.connections += 1
        request = connection.inner.request
        headers = [[name.lower(), value] for name, value in request.headers.raw_items()]
        say("connected", path=request.path, headers=headers, extensions=connection.extensions())
        begin = time.monotonic()
        try:
            if await self.authenticate(connection):
                plan = self.plan[number] if number < len(self.plan) else {}
                await self.play(connection, plan)
                begin = time.monotonic()
                await end(connection, plan)
        except ConnectionClosed:
            pass
        except Wrong as error:
            say("wrong", what=str(error))
            await connection.close(1008, "wrong")
        except Exception as error:  # A thread would take it to its grave.
            say("wrong", what=repr(error))
            raise
        connection.say_closed(took=time.monotonic() - begin)

    async def authenticate(self, connection: Connection) -> bool:
        """Takes the first frame. Whoever is unknown is told so and sent away."""
        message = parse(await connection.recv(), {"message_type", "public_key", "signature"})
        key, signature = message["public_key"], message["signature"]
        shaped = (
            message["message_type"] == "V0AuthenticationRequest"
            and re.fullmatch("[0-9a-f]{64}", key)
            and re.fullmatch("0x[0-9a-f]{128}", signature)
        )
        if not shaped:
            raise Wrong("the first frame is no authentication")
        raw = bytes.fromhex(key)
        if keys.ss58(raw) != self.validator:
            await connection.send(error("auth.validator_not_found"))
            await connection.close(3001, "Validator not found")
            return False
        if not keys.verify(self.program, raw, bytes.fromhex(signature[2:]), raw):
            raise Wrong("the authentication is not signed")
        await connection.send(SUCCESS)
        say("authenticated")
        return True

    async def play(self, connection: Connection, plan: Dict[str, Any]) -> None:
        """Carries a connection to the end that is planned for it."""
        await self.push(connection)
        statuses = 0
        while statuses != plan.get("after"):
            message = parse(await connection.recv(), None)
            kind = message.get("message_type")
            if kind == "V0Heartbeat":
                say("heartbeat")
            elif kind == "V0JobStatusUpdate":
                answer = self.store(message)
                statuses += 1
                if statuses == plan.get("after") and plan["how"] == "drop":
                    return  # It is stored, and nobody learns it.
                # Every third answer comes in pieces, some of them no more than a part of a character.
                await connection.send(answer, pieces=1 if statuses % 3 else 40)
            else:
                raise Wrong(f"an unexpected message: {kind}")

    async def push(self, connection: Connection) -> None:
        """Pushes what has no status yet: whole and in pieces, with pings and pongs in between."""
        answered = {job for job, _ in self.stored}
        for number, (job, text) in enumerate(self.jobs.items()):
            if job not in answered:
                await connection.send(text, pieces=[1, 2, 100][number % 3])
                await connection.pong(b"nobody has asked")
        for payload in (b"", b"\x00\xff payload", b"x" * 125):
            await connection.ping(payload)
            say("pong", bytes=len(payload))

    def store(self, message: Dict[str, Any]) -> str:
        """Takes a status. Returns the answer."""
        if set(message) != {"message_type", "uuid", "status", "metadata"}:
            raise Wrong(f"a status has other fields: {sorted(message)}")
        job, status = message["uuid"], message["status"]
        if str(uuid.UUID(job)) != job or status not in STATUSES:
            raise Wrong(f"a status that is none: {job} {status}")
        if status == "completed" and not isinstance(message["metadata"].get("miner_response"), dict):
            raise Wrong("a job is completed without a result")
        outcome = "unknown" if job not in self.jobs else "repeated" if (job, status) in self.stored else "stored"
        say("status", job=job, status=status, outcome=outcome)
        if outcome == "unknown":
            return error("job.not_found")
        if outcome == "repeated":
            return error("job.integrity_error")
        self.stored.add((job, status))
        return SUCCESS


async def end(connection: Connection, plan: Dict[str, Any]) -> None:
    if plan["how"] == "drop":
        connection.drop()
    else:
        await connection.close(plan["code"], plan["reason"])


def parse(frame: Union[str, bytes], fields: Optional[Set[str]]) -> Dict[str, Any]:
    """One message a frame: an object in a text, with these fields."""
    if not isinstance(frame, str):
        raise Wrong("a frame is not a text")
    try:
        message = json.loads(frame)
    except ValueError as bad:
        raise Wrong(f"a frame is not JSON: {bad}") from bad
    if not isinstance(message, dict) or fields not in (None, set(message)):
        raise Wrong("a frame is another message than expected")
    return message


def error(kind: str) -> str:
    answer = {"status": "error", "errors": [{"msg": "Nie udało się – 不行", "type": kind, "help": ""}]}
    return json.dumps(answer, ensure_ascii=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--flavour", choices=flavours.FLAVOURS, required=True)
    parser.add_argument("--program", required=True, help="facilitator-client, which verifies sr25519")
    parser.add_argument("--validator", required=True, help="the address that may authenticate")
    parser.add_argument("--jobs", required=True, help="a file with a job request a line")
    parser.add_argument("--plan", default="[]", help="how the connections end, as JSON")
    parser.add_argument("--max-size", type=int, help="the largest message, in bytes")
    arguments = parser.parse_args()
    with open(arguments.jobs, encoding="utf-8") as file:
        jobs = [line for line in file.read().split("\n") if line]
    facilitator = Facilitator(arguments.program, arguments.validator, jobs, json.loads(arguments.plan))
    flavours.serve(arguments.flavour, facilitator.handle, arguments.max_size)


if __name__ == "__main__":
    main()
