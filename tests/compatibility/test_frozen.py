"""What was once on the wire or on a disk means the same for ever."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.compatibility.freeze import BEACON, FROZEN, current, freeze, main
from tests.wire.samples import AUTHKEY, CLUSTER_ID, FULL, INC, OTHER_INC, RECORD
from watchdog import slots
from watchdog.core.messages import PROTOCOL, Hello, Message
from watchdog.wire.codec import decode, decode_numbered
from watchdog.wire.frames import Splitter
from watchdog.wire.layouts import LAYOUTS
from watchdog.wire.record import unpack_record
from watchdog.wire.seal import open_will
from watchdog.wire.session import Session, read_head

EARLIER = FROZEN.parent / "earlier"
VERSIONS = sorted(int(path.name) for path in FROZEN.iterdir())


@pytest.mark.parametrize("message", FULL, ids=lambda message: type(message).__name__)
def test_frames_of_version_1_decode_for_ever(message: Message) -> None:
    """A rolling upgrade has nodes of two versions talking."""
    frame = (FROZEN / "1" / f"{type(message).__name__}.bin").read_bytes()
    (payload,) = Splitter("alpha").feed(frame)
    assert decode(payload, "alpha") == message


def test_a_hello_from_before_fields_were_added_decodes_for_ever() -> None:
    """A node that was not upgraded yet says nothing of `unfit` and those after it."""
    (hello,) = [message for message in FULL if isinstance(message, Hello)]
    (payload,) = Splitter("alpha").feed((EARLIER / "Hello.bin").read_bytes())
    assert decode(payload, "alpha") == replace(hello, unfit="", vetoed=False, unwatched=False)


def test_will_of_version_1_opens_for_ever() -> None:
    """It may have been sealed by the version before the upgrade."""
    datagram = (FROZEN / "1" / "will.bin").read_bytes()
    assert open_will(AUTHKEY, CLUSTER_ID, datagram) == ("alpha", INC)


def test_round_of_version_1_opens_for_ever() -> None:
    """It goes by the process that sealed it, of whatever version."""
    datagram = (FROZEN / "1" / "round.bin").read_bytes()
    hearer = Session(AUTHKEY, CLUSTER_ID, OTHER_INC, INC)
    head = read_head(datagram)
    assert head == (hearer.tag, 7)
    opened = hearer.open(datagram, head.number)
    assert opened.acknowledged == 3
    assert decode_numbered(opened.payload, "alpha") == (5, BEACON)


def test_state_file_of_version_1_is_read_for_ever() -> None:
    """An upgrade must not make a node forget its promises."""
    raw = (FROZEN / "1" / "state-file.bin").read_bytes()
    loaded = slots.choose(raw, CLUSTER_ID, "alpha")
    assert (loaded.fault, loaded.seq) == (None, 8)
    assert loaded.payload is not None
    assert unpack_record(loaded.payload) == RECORD


@pytest.mark.parametrize("name", current())
def test_the_code_writes_the_frozen_bytes_of_its_version(name: str) -> None:
    """A change here is a change of the protocol (python -m tests.compatibility.freeze)."""
    assert (FROZEN / str(PROTOCOL) / f"{name}.bin").read_bytes() == current()[name]


def test_every_message_of_the_version_is_frozen() -> None:
    """And the current version is the newest directory."""
    names = {path.stem for path in (FROZEN / str(PROTOCOL)).iterdir()}
    assert names == {layout.name for layout in LAYOUTS} | {"will", "round", "state-file"}
    assert list(range(1, PROTOCOL + 1)) == VERSIONS


def test_freezing_writes_what_is_missing_and_changes_nothing(tmp_path: Path) -> None:
    """The switch cannot be used to make a broken test green."""
    assert freeze(tmp_path) == (list(current()), [])
    (tmp_path / "Beacon.bin").write_bytes(b"as it was")
    (tmp_path / "Grant.bin").unlink()
    assert freeze(tmp_path) == (["Grant"], ["Beacon"])
    assert (tmp_path / "Beacon.bin").read_bytes() == b"as it was"


def test_nothing_is_left_to_freeze(capsys: pytest.CaptureFixture[str]) -> None:
    """The command itself, on the committed files."""
    assert main() == 0
    assert capsys.readouterr() == ("", "")


def test_a_difference_is_named_and_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The person at the keyboard learns which file."""
    monkeypatch.setattr("tests.compatibility.freeze.FROZEN", tmp_path)
    assert main() == 0
    (tmp_path / str(PROTOCOL) / "Nack.bin").write_bytes(b"")
    capsys.readouterr()
    assert main() == 1
    assert capsys.readouterr().err.rstrip().endswith("left as it is: Nack")
