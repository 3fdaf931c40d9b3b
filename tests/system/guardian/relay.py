"""A node process or lifecheck for tests: it only passes packets between the guardian and the test.

Started by the guardian like a real one (see launcher.py); its one argument of its own is the path
of a socket on which the test listens.
"""

import argparse
import os
import select
import socket


def main() -> None:
    """Relay until either end closes."""
    parser = argparse.ArgumentParser()
    parser.add_argument("path")
    parser.add_argument("--guard-fd", type=int)
    parser.add_argument("--plan-fd", type=int)
    parser.add_argument("--key-fd", type=int)
    told, _ = parser.parse_known_args()
    guard = socket.socket(fileno=told.guard_fd)
    test = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    test.connect(told.path)
    plan_size = len(os.pread(told.plan_fd, 1 << 20, 0))
    key_size = len(os.read(told.key_fd, 4096))
    test.send(f"{os.getpid()} {os.geteuid()} {plan_size} {key_size}".encode())
    ends = {guard.fileno(): (guard, test), test.fileno(): (test, guard)}
    poll = select.poll()
    for fd in ends:
        poll.register(fd, select.POLLIN)
    while True:
        for fd, _ in poll.poll():
            source, target = ends[fd]
            data = source.recv(65536)
            if not data:
                return
            target.send(data)


if __name__ == "__main__":
    main()
