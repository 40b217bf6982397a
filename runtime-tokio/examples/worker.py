#!/usr/bin/env python3
"""A worker for facilitator-client, with nothing but the standard library.

One process a job:       facilitator-client connect --worker 'python3 worker.py' ..
Many jobs, one socket:   facilitator-client connect --socket /run/me/jobs.sock ..
                         python3 worker.py --socket /run/me/jobs.sock --name one --jobs 4

Replace `run`: it is what a job does. All else is how its statuses get to the facilitator, whatever breaks on the way:
they are sent in order, again after a lost connection until each has its receipt, and never after the last one.
"""

import argparse
import json
import queue
import socket
import sys
import threading
import time

PROTOCOL = 1
# Seconds before a connection that was not welcome, or is gone, is tried again; twice as many each time.
PAUSE = 0.05


def run(request, report):
    """Does a job. Whatever it raises ends the job as failed."""
    report("accepted")
    report("executor_ready")
    # Download request["volume"] here, within request["download_time_limit"] seconds.
    report("volumes_ready")
    # Run request["docker_image"] with request["args"] here, within request["execution_time_limit"] seconds.
    time.sleep(float(request["env"].get("SECONDS", 0)))
    output = " ".join(request["args"])
    report("execution_done")
    # Upload what request["output_upload"] asks for here, within request["upload_time_limit"] seconds.
    response = {"docker_process_stdout": output, "docker_process_stderr": ""}
    report("completed", {"miner_response": response})


def run_to_its_end(request, report):
    """Does a job, and gives its last status when `run` could not."""
    try:
        run(request, report)
    except Exception as error:  # whatever it is, the job needs a last status
        details = {"reason": "unknown", "stage": "unknown", "message": repr(error)}
        report("failed", {"job_failure_details": details})


def one_job(lines, out):
    """The worker of one job: its request is the first line, statuses go out as lines."""
    event = json.loads(lines.readline())

    def report(status, metadata=None):
        line = {"command": "job_status", "status": status, "metadata": metadata}
        out.write(json.dumps(line) + "\n")
        out.flush()

    run_to_its_end(event["request"], report)


class Job:
    """A job on the socket: what was said of it and has no receipt yet, oldest first."""

    def __init__(self, request, said):
        self.request = request
        self.said = set(said)
        self.unanswered = []
        self.done = False


class SocketWorker:
    """A worker for many jobs, over connections that may break."""

    def __init__(self, path, name, places):
        self.path, self.name, self.places = path, name, places
        self.lock = threading.Lock()
        self.jobs = {}
        self.commands = 0
        self.out = None
        self.pause = PAUSE

    def serve(self):
        """Connects, again and again, for ever: the program may be restarted."""
        while True:
            try:
                with socket.socket(socket.AF_UNIX) as connection:
                    connection.connect(self.path)
                    self.listen(connection)
            except OSError as error:
                print(f"no connection: {error}", file=sys.stderr)
            finally:
                with self.lock:
                    self.out = None
            time.sleep(self.pause)
            self.pause = min(2 * self.pause, 2)

    def listen(self, connection):
        """Takes lines until the connection ends. They are written by a thread, which nobody waits for."""
        out = queue.Queue()
        threading.Thread(target=write, args=(connection, out), daemon=True).start()
        out.put({"command": "hello", "protocol": PROTOCOL, "worker": self.name, "jobs": self.places})
        try:
            for line in connection.makefile("rb"):
                self.take(json.loads(line), out)
        finally:
            out.put(None)

    def take(self, event, out):
        kind = event["event"]
        if kind == "welcome":
            self.pause = PAUSE
            with self.lock:
                self.out = out
                # What was said without an answer may not have arrived. Saying it twice is harmless.
                for job in self.jobs.values():
                    for command in job.unanswered:
                        out.put(command)
        elif kind == "job_request":
            self.begin(event)
        elif kind in ("receipt", "command_error"):
            self.answered(event, refused=kind == "command_error")
        elif kind == "error":
            print(event["error"], file=sys.stderr)

    def begin(self, event):
        uuid = event["uuid"]
        with self.lock:
            # After a lost connection it is still worked on; after a restart of this process it is begun again.
            if uuid in self.jobs:
                return
            job = self.jobs[uuid] = Job(event["request"], event.get("statuses", []))

        def report(status, metadata=None):
            with self.lock:
                if status in job.said:
                    return
                job.said.add(status)
                self.commands += 1
                command = {"command": "job_status", "id": [uuid, self.commands], "uuid": uuid}
                command.update(status=status, metadata=metadata)
                job.unanswered.append(command)
                if self.out:
                    self.out.put(command)

        threading.Thread(target=self.work, args=(uuid, job, report), daemon=True).start()

    def work(self, uuid, job, report):
        run_to_its_end(job.request, report)
        with self.lock:
            job.done = True
            self.forget(uuid)

    def answered(self, event, refused):
        if refused:
            if not self.out:
                raise ConnectionError(event["error"])
            print(f"refused: {event['error']}", file=sys.stderr)
        # What is answered without an id is not about a job.
        uuid, number = event.get("id", (None, None))
        with self.lock:
            job = self.jobs.get(uuid)
            if job:
                job.unanswered = [command for command in job.unanswered if command["id"][1] != number]
                self.forget(uuid)

    def forget(self, uuid):
        """Forgets a job that is done, once all that was said of it has its answer."""
        job = self.jobs.get(uuid)
        if job and job.done and not job.unanswered:
            del self.jobs[uuid]


def write(connection, out):
    """Writes lines until there are no more, or nobody takes them."""
    try:
        while (line := out.get()) is not None:
            connection.sendall(json.dumps(line).encode() + b"\n")
    except OSError:
        pass  # the reader sees the end of the connection too


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--socket", help="where to connect; without it, one job on stdin and stdout")
    arguments.add_argument("--name", default="worker", help="under which jobs are found again")
    arguments.add_argument("--jobs", type=int, default=1, help="how many to take at once")
    arguments = arguments.parse_args()
    if arguments.socket:
        SocketWorker(arguments.socket, arguments.name, arguments.jobs).serve()
    else:
        one_job(sys.stdin, sys.stdout)


if __name__ == "__main__":
    main()
