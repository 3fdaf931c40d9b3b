#!/usr/bin/env python3
"""A lifecheck of your own, to copy: asks every other node a question, and tells the cluster.

    external_lifecheck.py /run/quorumdog/.s.PGPOOLWD_CMD.9000 5432

It needs Python 3.8 and nothing else. Set [lifecheck] method = "external", and run it as root, as
the daemon's own user, or as one of [ipc] report_uids. The format is in docs/ipc.md.
"""

import json
import select
import socket
import struct
import sys
import time

EVERY_S, TIMEOUT_S = 1.0, 0.5
FAILS, RISES = 3, 2  # so many answers in a row until a node is called dead, or alive
DEAD, ALIVE = 1, 2  # NodeStatus
KEY = {}  # {"IPCAuthKey": "..."} when [ipc] authkey_file is set


def answers(host: str, port: int) -> bool:
    """Say whether the node is well: here, whether it accepts a connection. Put yours here."""
    try:
        socket.create_connection((host, port), TIMEOUT_S).close()
    except OSError:
        return False
    return True


def receive(line: socket.socket) -> tuple:
    """Read a frame: a letter, the length of a JSON text, the text (with a zero byte at its end)."""
    kind, length = struct.unpack("!ci", line.recv(5, socket.MSG_WAITALL))
    data = line.recv(length, socket.MSG_WAITALL) if length else b"{}"
    return kind, json.loads(data.rstrip(b"\0"))


def ask(line: socket.socket, kind: bytes, fields: dict) -> dict:
    """Send a request and read its reply; a push ('4') may come first."""
    data = json.dumps({**fields, **KEY}).encode()
    line.sendall(kind + struct.pack("!i", len(data)) + data)
    reply, body = receive(line)
    while reply == b"4":
        reply, body = receive(line)
    if reply != b"7":
        raise ValueError(body.get("MESSAGE", "refused"))
    return body


def watch(line: socket.socket, port: int) -> None:
    """Register, then ask every node again and again."""
    # What is said on this connection counts for as long as it lasts. The first node is this one.
    nodes = ask(line, b"0", {"Name": "external_lifecheck"})["WatchdogNodes"][1:]
    streak = [0] * len(nodes)  # good answers in a row, or bad ones as a negative number
    while True:
        for place, node in enumerate(nodes):
            host = node["HostName"]
            well = answers(host, port)
            streak[place] = max(streak[place], 0) + 1 if well else min(streak[place], 0) - 1
            if streak[place] in (RISES, -FAILS):
                text = f"port {port} of {host} {'answers' if well else 'does not answer'}"
                status = ALIVE if well else DEAD
                ask(line, b"2", {"NodeID": node["ID"], "NodeStatus": status, "Message": text})
                print(text, flush=True)
        # Wait, and read what is pushed meanwhile: the daemon drops whoever does not read.
        next_s = time.monotonic() + EVERY_S
        while select.select([line], [], [], max(0, next_s - time.monotonic()))[0]:
            receive(line)


def main(path: str, port: str) -> None:
    """Connect again whenever the daemon was restarted, and say everything anew."""
    while True:
        try:
            with socket.socket(socket.AF_UNIX) as line:
                line.connect(path)
                watch(line, int(port))
        except (OSError, ValueError, struct.error) as error:
            print(f"{path}: {error}; trying again", file=sys.stderr, flush=True)
        time.sleep(EVERY_S)


if __name__ == "__main__":
    if len(sys.argv) != 3 or not sys.argv[2].isdigit():
        sys.exit("usage: external_lifecheck.py SOCKET PORT")
    main(*sys.argv[1:])
