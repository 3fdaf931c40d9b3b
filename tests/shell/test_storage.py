"""The state file: what is saved is found again, what is damaged is never guessed."""

import asyncio
import errno
import os
import random
import socket
from itertools import combinations
from pathlib import Path

import pytest

from tests.shell.disks import FakeDisk, FakeInbox
from tests.shell.links import until
from watchdog import slots
from watchdog.core.effects import HardState
from watchdog.core.events import Saved, SaveFailed
from watchdog.shell.storage import FILE_NAME, StateFileError, Storage

CLUSTER_ID = b"c" * 32
HERE = Path("/var/lib/quorumdog")
WIDE = 16


def record(number: int, members: int = 3) -> HardState:
    """The record of term `number`; with WIDE members it fills several sectors."""
    pad = "x" * (members - 3) * 3
    names = tuple((f"node-{n:02}-{number:06}{pad}", 1) for n in range(members))
    old = names if members == WIDE else ()
    digest = bytes([number % 256]) * 32
    return HardState(number, 1000 + number, "alpha", 1250, digest, names, old)


def storage(disk: FakeDisk, node: str = "alpha") -> Storage:
    """A storage on a disk in memory."""
    return Storage(HERE, CLUSTER_ID, node, FakeInbox(), disk)


def written(*records: HardState) -> FakeDisk:
    """A disk after these records were saved."""
    disk = FakeDisk()
    store = storage(disk)
    store.load()
    for entry in records:
        store.write(entry)
    return disk


def real(directory: Path, node: str = "alpha", cluster_id: bytes = CLUSTER_ID) -> Storage:
    """A storage on the real disk."""
    return Storage(directory, cluster_id, node, FakeInbox())


# -- the ordinary way ------------------------------------------------------------------------------


def test_a_missing_file_is_made_and_means_amnesia(tmp_path: Path) -> None:
    """An empty directory cannot tell a fresh cluster from a replaced disk."""
    loaded = real(tmp_path).load()
    assert (loaded.record, loaded.amnesiac) == (None, True)
    assert "blank" in loaded.note
    status = (tmp_path / FILE_NAME).stat()
    assert (status.st_size, status.st_mode & 0o777) == (slots.FILE_SIZE, 0o600)
    assert status.st_blocks * 512 >= slots.FILE_SIZE, "preallocated: no write may find no space"


def test_records_are_saved_in_order_answered_and_found_again(tmp_path: Path) -> None:
    """The whole way: queue, thread, answer on the loop, and the next start."""
    inbox = FakeInbox()
    store = Storage(tmp_path, CLUSTER_ID, "alpha", inbox)
    store.load()

    async def story() -> None:
        for number in range(1, 6):
            store.save(number, record(number))
        await until(lambda: len(inbox.events) == 5)
        assert inbox.events == [Saved(number) for number in range(1, 6)]

    asyncio.run(story())
    store.stop(5)
    again = real(tmp_path).load()
    assert (again.record, again.amnesiac, again.note) == (record(5), False, "")


def test_a_failed_save_is_answered_and_the_next_one_uses_a_new_descriptor() -> None:
    """After a failed fdatasync the old descriptor may report success for data it has dropped."""
    disk, inbox = written(record(1)), FakeInbox()
    store = Storage(HERE, CLUSTER_ID, "alpha", inbox, disk)
    store.load()
    disk.calls.clear()
    disk.fail_at = 2  # the first sync

    async def story() -> None:
        store.save(7, record(2))
        store.save(8, record(3))
        await until(lambda: len(inbox.events) == 2)

    asyncio.run(story())
    store.stop(5)
    failed, saved = inbox.events
    assert isinstance(failed, SaveFailed)
    assert failed.ticket == 7
    assert "input/output error" in failed.why
    assert saved == Saved(8)
    assert disk.calls == ["write", "sync", "close", "open", "facts", "write", "sync"]
    assert storage(disk).load().record == record(3)


# -- power cuts ------------------------------------------------------------------------------------


def test_a_power_cut_leaves_the_old_or_the_new_record_over_a_long_history() -> None:
    """Ordinary records fill one sector, which is not torn: never amnesia, never a guess."""
    disk = FakeDisk()
    storage(disk).load()
    store = storage(disk)
    store.load()
    store.write(record(1))
    for number in range(2, 202):
        before = bytes(disk.durable or b"")
        store.write(record(number))
        now = bytes(disk.durable or b"")
        for left in (before, now):
            loaded = storage(FakeDisk(bytearray(left), bytearray(left))).load()
            assert not loaded.amnesiac
            assert loaded.record == record(number if left is now else number - 1)


def test_every_subset_of_torn_sectors_yields_old_new_or_amnesia() -> None:
    """A record of many sectors can be torn: then the old one is a floor, and that is said."""
    disk = FakeDisk()
    store = storage(disk)
    store.load()
    store.write(record(1, WIDE))
    store.write(record(2, WIDE))
    outcomes = set()
    for number in range(3, 9):
        disk.calls.clear()
        disk.fail_at = 2  # the cut comes instead of the sync
        before = disk.after_power_cut([])
        sectors = _sectors_of_torn_write(store, disk, number)
        assert len(sectors) > 3
        for count in range(len(sectors) + 1):
            for survivors in combinations(sectors, count):
                loaded = storage(before.after_power_cut(list(survivors))).load()
                outcome = (loaded.record == record(number, WIDE), loaded.amnesiac)
                assert loaded.record in (record(number, WIDE), record(number - 1, WIDE))
                assert outcome != (True, True), "a new record that is whole is believed"
                outcomes.add(outcome)
        disk.fail_at = 0
        store.write(record(number, WIDE))
    assert outcomes == {(False, False), (True, False), (False, True)}


def _sectors_of_torn_write(store: Storage, disk: FakeDisk, number: int) -> list[tuple[int, bytes]]:
    """Write until the sync, which never comes; the sectors that were on their way."""
    found: list[tuple[int, bytes]] = []
    real_sync = disk.sync

    def cut(descriptor: int) -> None:
        found.extend(disk.sectors())
        real_sync(descriptor)

    disk.sync = cut  # type: ignore[method-assign]
    try:
        with pytest.raises(OSError, match="Input/output"):
            store.write(record(number, WIDE))
    finally:
        disk.sync = real_sync  # type: ignore[method-assign]
    return found


def test_a_flipped_bit_anywhere_is_never_taken_for_a_record() -> None:
    """Rot of the newest record cannot be told from a torn write: amnesia with a floor."""
    disk = written(record(1), record(2), record(3))
    whole = bytes(disk.durable or b"")
    used = [n for n in range(len(whole)) if whole[n]]
    for place in [*used, *random.Random(4).sample(range(len(whole)), 200)]:
        damaged = bytearray(whole)
        damaged[place] ^= 1 << (place % 8)
        loaded = storage(FakeDisk(damaged, bytearray(damaged))).load()
        if loaded.amnesiac:
            assert loaded.record in (None, record(2), record(3))
        else:
            assert loaded.record == record(3), f"bit {place}"


def test_damage_is_healed_by_the_first_save() -> None:
    """Else every later start would be amnesia again."""
    disk = written(record(1), record(2))
    for copy in (disk.seen, disk.durable):
        assert copy is not None
        copy[slots.offset(1) : slots.offset(1) + 100] = b"\xff" * 100
    store = storage(disk)
    first = store.load()
    assert first.amnesiac
    assert first.record in (record(1), record(2))
    store.write(record(3))
    again = storage(disk).load()
    assert (again.record, again.amnesiac) == (record(3), False)


def test_a_file_of_garbage_is_amnesia_and_is_made_whole(tmp_path: Path) -> None:
    """Too long, too short, or noise: this node asks its peers, and then has a good file."""
    for size in (1, 100, slots.FILE_SIZE, slots.FILE_SIZE + 1, 100_000):
        path = tmp_path / FILE_NAME
        path.write_bytes(random.Random(size).randbytes(size))
        path.chmod(0o600)
        store = real(tmp_path)
        loaded = store.load()
        assert (loaded.record, loaded.amnesiac) == (None, True)
        assert "damaged" in loaded.note
        store.write(record(1))
        again = real(tmp_path).load()
        assert (again.record, again.amnesiac) == (record(1), False)
        assert path.stat().st_size == slots.FILE_SIZE


# -- failing system calls --------------------------------------------------------------------------


@pytest.mark.parametrize("failure", [errno.EIO, errno.ENOSPC, errno.EROFS, 0])
def test_a_failure_of_any_system_call_loses_nothing_that_was_saved(failure: int) -> None:
    """Every call of load and of two saves fails once; 0 is a short write."""
    steps = 0
    while True:
        steps += 1
        disk = written(record(1), record(2))
        disk.calls.clear()
        disk.fail_at, disk.failure = steps, failure
        saved = _work(disk)
        left = disk.after_power_cut([])
        loaded = storage(left).load()
        assert not loaded.amnesiac
        assert loaded.record is not None
        assert loaded.record.seq >= saved, f"call {steps} {disk.calls}"
        if len([call for call in disk.calls if call != "close"]) < steps:
            break
    assert steps > 6


def _work(disk: FakeDisk) -> int:
    """Load, save records 3 and 4 as far as it goes; the last one reported as saved."""
    store = storage(disk)
    try:
        store.load()
    except StateFileError:
        return 2
    saved = 2
    for number in (3, 4):
        try:
            store.write(record(number))
        except (OSError, StateFileError):
            continue
        saved = number
    return saved


@pytest.mark.parametrize(
    ("failure", "way_out"),
    [
        (errno.EIO, "dmesg"),
        (errno.ENOSPC, "free some space"),
        (errno.EROFS, "remount"),
        (errno.EACCES, "must belong to the user"),
    ],
)
def test_a_disk_that_fails_at_the_start_is_named_with_the_way_out(
    failure: int, way_out: str
) -> None:
    """The first start creates the file: each of its calls fails once."""
    for step in range(1, 8):
        disk = FakeDisk(fail_at=step, failure=failure)
        with pytest.raises(StateFileError, match=way_out):
            storage(disk).load()
        assert disk.calls[-1] == "close" or disk.calls[-1] in {"open", "create"}


# -- files that are not ours to write --------------------------------------------------------------


def test_what_is_not_a_file_is_refused_with_what_it_is(tmp_path: Path) -> None:
    """Each of these would lose or leak the state."""
    path = tmp_path / FILE_NAME

    def refused(words: str) -> None:
        with pytest.raises(StateFileError, match=words) as caught:
            real(tmp_path).load()
        assert str(path) in str(caught.value)

    path.mkdir()
    refused("is a directory")
    path.rmdir()
    path.symlink_to(tmp_path / "elsewhere")
    refused("is a symbolic link")
    path.unlink()
    os.mkfifo(path, 0o600)
    refused("is a fifo")
    path.unlink()
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(path))
        refused("a socket or a device")


def test_a_file_that_others_may_write_or_own_is_refused(tmp_path: Path) -> None:
    """Whoever can change it can make this node vote twice."""
    real(tmp_path).load()
    path = tmp_path / FILE_NAME
    path.chmod(0o660)
    with pytest.raises(StateFileError, match=f"mode 0660.*chmod 600 {path}"):
        real(tmp_path).load()
    path.chmod(0o600)
    if os.geteuid() == 0:
        os.chown(path, 12345, -1)
        with pytest.raises(StateFileError, match="belongs to uid 12345"):
            real(tmp_path).load()


def test_a_directory_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """The node does not make up a place for what it must not forget."""
    with pytest.raises(StateFileError, match="data_dir"):
        real(tmp_path / "nowhere").load()
    (tmp_path / "plain").write_text("")
    with pytest.raises(StateFileError, match="data_dir"):
        real(tmp_path / "plain").load()


def test_the_state_of_another_node_or_cluster_is_refused_and_left_alone(tmp_path: Path) -> None:
    """A restored or copied disk: to believe it is to vote in another one's name."""
    store = real(tmp_path)
    store.load()
    store.write(record(1))
    before = (tmp_path / FILE_NAME).read_bytes()
    for node, cluster_id in (("beta", CLUSTER_ID), ("alpha", b"x" * 32)):
        with pytest.raises(StateFileError, match=r"not this node's: .* move the file away"):
            real(tmp_path, node, cluster_id).load()
    assert (tmp_path / FILE_NAME).read_bytes() == before


def test_a_record_of_another_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    """After a downgrade: half understood is worse than not at all."""
    payload = slots.encode(9, b"\x93\x09\x01\x02", CLUSTER_ID, "alpha")
    path = tmp_path / FILE_NAME
    path.write_bytes(payload.ljust(slots.FILE_SIZE, b"\0"))
    path.chmod(0o600)
    with pytest.raises(StateFileError, match="cannot be read by this version"):
        real(tmp_path).load()


def test_a_file_replaced_while_running_fails_the_save_and_not_the_node(tmp_path: Path) -> None:
    """After a failure the file is opened anew, and then it may be anything."""
    inbox = FakeInbox()
    store = Storage(tmp_path, CLUSTER_ID, "alpha", inbox)
    store.load()
    store._give_up_descriptor()
    (tmp_path / FILE_NAME).unlink()
    (tmp_path / FILE_NAME).mkdir()

    async def story() -> None:
        store.save(1, record(1))
        await until(lambda: bool(inbox.events))

    asyncio.run(story())
    store.stop(5)
    failed = inbox.events[0]
    assert isinstance(failed, SaveFailed)
    assert "directory" in failed.why
