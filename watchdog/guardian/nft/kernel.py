"""A socket to nf_tables: do a transaction, ask a question.

Rule: the kernel does all of it within `send` and has answered when that returns, so nothing here
waits for anything but the kernel's own lock.  After an answer that cannot be read the socket is
thrown away, and with it whatever else would have come.
"""

import errno
import os
import socket
from typing import Final

from watchdog.guardian import netlink
from watchdog.guardian.nft import batch
from watchdog.guardian.nft.batch import Answer, Request

NETLINK_NETFILTER: Final = 12
SOL_NETLINK: Final = 270
NETLINK_CAP_ACK: Final = 10
RECEIVE_SIZE: Final = 65536
BUFFER_SIZE: Final = 1 << 20
ANSWERS_MAX: Final = 4096
DUMPS_MAX: Final = 8


class RefusedError(OSError):
    """Nothing of a transaction was done; `faults` are (number of the message, errno)."""

    def __init__(self, faults: list[tuple[int, int]]) -> None:
        code = faults[0][1]
        super().__init__(code, os.strerror(code))
        self.faults = faults


class Kernel:
    """The socket is opened when it is first needed."""

    def __init__(self) -> None:
        self._socket: socket.socket | None = None
        self._seq = 0

    def transact(self, data: bytes | bytearray, size: int) -> None:
        """Do a batch of `size` messages. Raises RefusedError, or another OSError."""
        try:
            outcomes = self._exchange(data)
        except ValueError as error:
            self.close()
            raise OSError(errno.EBADMSG, str(error)) from None
        faults = [(seq, code) for seq, code in outcomes if code]
        if faults:
            raise RefusedError(faults)
        if outcomes != [(size, 0)]:
            self.close()
            raise OSError(errno.EBADMSG, f"nf_tables: {len(outcomes)} acknowledgements, not one")

    def do(self, requests: list[Request]) -> None:
        """Do a transaction. Raises as `transact`."""
        self.transact(batch.batch(requests), len(requests))

    def ask(self, request: Request) -> list[Answer]:
        """The answer to a question, or what is listed. Raises OSError."""
        for _ in range(DUMPS_MAX):
            try:
                found = self._ask(request)
            except ValueError as error:
                self.close()
                raise OSError(errno.EBADMSG, str(error)) from None
            if found is not None:
                return found
        raise OSError(errno.EAGAIN, "nf_tables: the rules change all the time")

    def close(self) -> None:
        """Close the socket; the next use opens another."""
        if self._socket:
            self._socket.close()
            self._socket = None

    def _exchange(self, data: bytes | bytearray) -> list[tuple[int, int]]:
        link = self._open()
        link.send(data)
        found: list[tuple[int, int]] = []
        for _ in range(ANSWERS_MAX):
            try:
                found += batch.outcome(link.recv(RECEIVE_SIZE, socket.MSG_DONTWAIT))
            except BlockingIOError:
                return found
        raise ValueError("nf_tables: no end of outcomes")

    def _ask(self, request: Request) -> list[Answer] | None:
        link = self._open()
        self._seq += 1
        is_list = request.flags & netlink.NLM_F_DUMP == netlink.NLM_F_DUMP
        link.send(request.pack(self._seq, 0 if is_list else netlink.NLM_F_ACK))
        found: list[Answer] = []
        is_torn = False
        for _ in range(ANSWERS_MAX):
            data = link.recv(RECEIVE_SIZE, socket.MSG_DONTWAIT)
            answers, is_end = batch.answers(data, self._seq)
            is_torn = is_torn or batch.was_torn(data)
            found += answers
            if is_end:
                return None if is_torn else found
        raise ValueError("nf_tables: no end of answers")

    def _open(self) -> socket.socket:
        if self._socket is None:
            kind = socket.SOCK_RAW | socket.SOCK_CLOEXEC
            link = socket.socket(socket.AF_NETLINK, kind, NETLINK_NETFILTER)
            try:
                link.bind((0, 0))
                link.setsockopt(SOL_NETLINK, NETLINK_CAP_ACK, 1)
                link.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_SIZE)
                link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_SIZE)
            except OSError:
                link.close()
                raise
            self._socket = link
        return self._socket
