"""Packets of the socketpair: what is packed reads back, and nothing else is believed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchdog.guardian_protocol import (
    PACKET_SIZE_MAX,
    REASON_SIZE,
    ArmWill,
    CheckReady,
    Deescalate,
    Escalate,
    Escalated,
    Extend,
    ExtendRefused,
    HookEnded,
    NodeUp,
    Notify,
    Off,
    OffFailed,
    OpenRound,
    PacketError,
    ProbeFinished,
    ProbeVip,
    ReadyChecked,
    Reannounce,
    RestartEnded,
    RestartWanted,
    RoundOpened,
    ToGuardian,
    ToNode,
    Warned,
    Welcome,
    pack,
    unpack_from_lifecheck,
    unpack_to_guardian,
    unpack_to_lifecheck,
    unpack_to_node,
)
from watchdog.instant import Instant

S = Instant(2**63, 2**63 + 1)
TO_GUARDIAN: list[ToGuardian] = [
    NodeUp(bytes(range(16))),
    OpenRound(1, 2),
    Extend(1, 2, 3, 4, S),
    Escalate(1, 2, 3, 4, S, 900, 1200),
    Deescalate(9, "lease ended"),
    ArmWill(b"\x01sealed\x00", (("10.0.0.1", 9000), ("fe80::1", 65535))),
    ArmWill(b"x" * 256, tuple(("1" * 48, 1) for _ in range(127))),
    ProbeVip(1, 60),
    CheckReady(2),
    Reannounce(),
    Notify("STANDBY", "COORDINATOR", "", "alpha", 7, "election won"),
]
TO_NODE: list[ToNode] = [
    Welcome(7, True),
    RoundOpened(1, 2),
    ExtendRefused(3),
    Escalated(4),
    Off(5),
    Off(5, "gate_shut; it woke 300 ms late"),
    OffFailed(6, "vip: still there"),
    HookEnded(7, True, ""),
    ProbeFinished(8, True, "10.0.0.100 is claimed by 02:00:00:00:00:01"),
    ReadyChecked(9, False, "hook /x: is not executable"),
    Warned("vip_was_gone", "1 of the VIPs"),
]


@pytest.mark.parametrize("packet", TO_GUARDIAN, ids=repr)
def test_packets_to_the_guardian_read_back(packet: ToGuardian) -> None:
    """Both ends are of one version, but not of one process."""
    data = pack(packet)
    assert len(data) <= PACKET_SIZE_MAX
    assert unpack_to_guardian(data) == packet


@pytest.mark.parametrize("packet", TO_NODE, ids=repr)
def test_packets_to_the_node_read_back(packet: ToNode) -> None:
    """As above, the other way."""
    assert unpack_to_node(pack(packet)) == packet


def test_texts_are_cut_between_characters() -> None:
    """Half a character would not decode at the other end."""
    got = unpack_to_guardian(pack(Deescalate(1, "é" * REASON_SIZE)))
    assert got == Deescalate(1, "é" * (REASON_SIZE // 2))
    got = unpack_to_guardian(pack(Deescalate(1, "x" + "é" * REASON_SIZE)))
    assert got == Deescalate(1, "x" + "é" * ((REASON_SIZE - 1) // 2))


def test_a_packet_for_the_other_side_is_refused() -> None:
    """A node that echoes would otherwise command."""
    with pytest.raises(PacketError, match="not for the guardian"):
        unpack_to_guardian(pack(Off(1)))
    with pytest.raises(PacketError, match="not for the node"):
        unpack_to_node(pack(OpenRound(1, 1)))


def test_packets_of_lifecheck_read_back_and_only_at_its_own_socket() -> None:
    """A node process may not ask for a restart, and lifecheck may command nothing."""
    wanted, ended = RestartWanted(2**64 - 1, "c" * 63), RestartEnded(1, False, "exit code 1")
    assert unpack_from_lifecheck(pack(wanted)) == wanted
    assert unpack_to_lifecheck(pack(ended)) == ended
    for unpack, packet in (
        (unpack_to_guardian, wanted),
        (unpack_to_node, ended),
        (unpack_from_lifecheck, Deescalate(1, "")),
        (unpack_to_lifecheck, Off(1)),
        (unpack_from_lifecheck, ended),
    ):
        with pytest.raises(PacketError, match="is not for"):
            unpack(pack(packet))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty packet"),
        (b"\x00", "unknown kind 00"),
        (pack(OpenRound(1, 2))[:-1], "OpenRound of 16 bytes"),
        (pack(OpenRound(1, 2)) + b"\0", "OpenRound of 18 bytes"),
        (pack(ArmWill(b"", ())).replace(b"\x06\x00\x00", b"\x06\x01\x01", 1), "will of 257"),
        (pack(ArmWill(b"", ()))[:259] + b"\x80" + pack(ArmWill(b"", ()))[260:], "128 addresses"),
        (pack(Deescalate(1, ""))[:-1] + b"\xff", "not UTF-8"),
    ],
)
def test_an_impossible_packet_is_refused(data: bytes, words: str) -> None:
    """The sender is broken; nothing of such a packet may be obeyed."""
    with pytest.raises(PacketError, match=words):
        unpack_to_guardian(data)


def test_a_flag_is_zero_or_one() -> None:
    """Anything else is no answer."""
    with pytest.raises(PacketError, match="flag of 2"):
        unpack_to_node(pack(Welcome(1, True))[:-1] + b"\x02")


@given(st.binary(max_size=PACKET_SIZE_MAX))
def test_garbage_gives_a_packet_error_and_nothing_else(data: bytes) -> None:
    """The guardian must not fall over what a broken node writes."""
    for unpack in (
        unpack_to_guardian,
        unpack_to_node,
        unpack_from_lifecheck,
        unpack_to_lifecheck,
    ):
        try:
            unpack(data)
        except PacketError:
            continue


@pytest.mark.parametrize(
    "packet",
    [NodeUp(b"short"), ArmWill(b"x" * 257, ()), ArmWill(b"", (("h", 1),) * 128)],
    ids=["incarnation", "will", "addresses"],
)
def test_a_field_that_cannot_be_is_our_own_fault(packet: ToGuardian) -> None:
    """Loudly, before it is sent."""
    with pytest.raises(AssertionError):
        pack(packet)
