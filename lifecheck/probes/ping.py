"""Probe `ping`: at least one of some addresses answers an ICMP echo.

Rule: all are asked at once and again twice a second; the first answer is enough.  Silence is not
judged here: the caller's time-out ends the run, and `doing` says who was asked.
"""

import asyncio
import os
import socket
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

from lifecheck.probes import Means, Outcome, icmp, words
from lifecheck.probes.echoes import Echoes

AGAIN_S: Final = 0.5
ADDRESSES_MAX: Final = 64
FAMILIES: Final = {4: socket.AF_INET, 6: socket.AF_INET6}
PROTOCOLS: Final = {4: socket.IPPROTO_ICMP, 6: socket.IPPROTO_ICMPV6}
NO_SOCKET: Final = (
    "no socket for ICMP version {}: the guardian handed none over (it needs CAP_NET_RAW), "
    "and our group is not in net.ipv4.ping_group_range"
)


class PingProbe:
    """Asks some addresses."""

    def __init__(self, addresses: Sequence[str], means: Means) -> None:
        self._addresses, self._means = addresses, means
        self._own: dict[int, Echoes] = {}
        self._sequence = 0
        self.doing = f"waiting for an answer of {words.clean(', '.join(addresses), 120)}"

    async def run(self) -> Outcome:
        """Ask until one answers."""
        loop = asyncio.get_running_loop()
        start_s = loop.time()
        first: asyncio.Future[str] = loop.create_future()
        asked: dict[bytes, tuple[Echoes, str]] = {}
        try:
            faults = self._expect(asked, first)
            while True:  # ended by the caller
                faults += self._send(asked)
                if not asked:
                    return Outcome(False, words.clean("; ".join(faults)))
                await asyncio.wait({first}, timeout=AGAIN_S)
                if first.done():
                    took = (loop.time() - start_s) * 1000
                    return Outcome(True, f"{first.result()} answered in {took:.1f} ms")
        finally:
            for nonce, (echoes, _) in asked.items():
                echoes.forget(nonce)

    def close(self) -> None:
        """Close the sockets of our own."""
        for echoes in self._own.values():
            echoes.close()
        self._own.clear()

    def _expect(
        self, asked: dict[bytes, tuple[Echoes, str]], first: "asyncio.Future[str]"
    ) -> list[str]:
        """Listen for the answers, before anything is sent; return why that failed."""
        faults = []
        for address in self._addresses:
            version = _version(address)
            try:
                echoes = self._echoes(version)
            except OSError:
                faults.append(NO_SOCKET.format(version))
                continue
            nonce = os.urandom(icmp.NONCE_BYTES)
            echoes.expect(nonce, partial(_settle, first, address))
            asked[nonce] = (echoes, address)
        return faults

    def _send(self, asked: dict[bytes, tuple[Echoes, str]]) -> list[str]:
        """Send to everybody; who cannot be sent to is asked no more in this run."""
        self._sequence += 1
        faults = []
        for nonce, (echoes, address) in list(asked.items()):
            try:
                echoes.send(self._sequence, nonce, address)
            except BlockingIOError:  # the next turn tries again
                continue
            except OSError as error:
                faults.append(words.fault(error, address))
                del asked[nonce]
                echoes.forget(nonce)
        return faults

    def _echoes(self, version: int) -> Echoes:
        """Return what sends this version: the shared raw socket, or one without privilege."""
        raw = self._means.icmp if version == 4 else self._means.icmp6
        if raw is not None:
            shared = self._means.shared.get(raw.fileno())
            if not isinstance(shared, Echoes):
                shared = self._means.shared[raw.fileno()] = Echoes(version, raw, raw=True)
            return shared
        if version not in self._own:
            line = socket.socket(FAMILIES[version], socket.SOCK_DGRAM, PROTOCOLS[version])
            self._own[version] = Echoes(version, line, raw=False)
        return self._own[version]


def _settle(first: "asyncio.Future[str]", address: str) -> None:
    if not first.done():
        first.set_result(address)


def _version(address: str) -> int:
    return 6 if ":" in address else 4


def make(options: Mapping[str, Any], means: Means) -> PingProbe:
    """Options: addresses (literals; of version 6 also with %interface)."""
    addresses = tuple(options["addresses"])
    if not 0 < len(addresses) <= ADDRESSES_MAX:
        raise ValueError(f"ping: between 1 and {ADDRESSES_MAX} addresses")
    for address in addresses:
        try:
            socket.inet_pton(FAMILIES[_version(address)], address.partition("%")[0])
        except OSError:
            raise ValueError(f"ping: {address!r} is no address") from None
    return PingProbe(addresses, means)
