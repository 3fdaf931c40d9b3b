"""A guardian that obeys at once, at the other end of the socketpair: no VIP, no hooks."""

import asyncio
import socket

from watchdog import guardian_protocol as protocol


class FakeGuardian:
    """Answers every packet as a healthy guardian would; `heard` is what came, in order."""

    def __init__(self) -> None:
        self.node_end, self._connection = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._connection.setblocking(False)
        self.heard: list[protocol.ToGuardian] = []
        self.last_n = 0

    def open(self) -> None:
        """Begin to answer, on the running event loop."""
        asyncio.get_running_loop().add_reader(self._connection, self._receive)

    def close(self) -> None:
        """Be gone; once is enough."""
        if self._connection.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self._connection)
            self._connection.close()

    def discard(self) -> None:
        """Close both ends where no daemon does."""
        self.node_end.close()
        self._connection.close()

    def _receive(self) -> None:
        data = self._connection.recv(protocol.PACKET_SIZE_MAX)
        if not data:
            self.close()
            return
        packet = protocol.unpack_to_guardian(data)
        self.heard.append(packet)
        for answer in self._answers(packet):
            self._connection.send(protocol.pack(answer))

    def _answers(self, packet: protocol.ToGuardian) -> list[protocol.ToNode]:
        match packet:
            case protocol.NodeUp():
                return [protocol.Welcome(0, off_clean=True)]
            case protocol.OpenRound(no, number):
                return [protocol.RoundOpened(no, number)]
            case protocol.Escalate(n):
                return [protocol.Escalated(n), protocol.HookEnded(n, ok=True, detail="")]
            case protocol.Deescalate(n):
                return [protocol.Off(n)]
            case protocol.ProbeVip(rid):
                return [protocol.ProbeFinished(rid, answered=False, detail="")]
            case protocol.CheckReady(rid):
                return [protocol.ReadyChecked(rid, ok=True, reason="")]
            case _:
                return []
