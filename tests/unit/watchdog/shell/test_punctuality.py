"""Late ticks of the node process: told to the core, to the log and to `status`."""

import os

from watchdog.core.events import Stalled, Ticked
from watchdog.instant import MS
from watchdog.shell.log import Log
from watchdog.shell.punctuality import Punctuality
from watchdog.stolen import Meter


def test_a_late_tick_is_another_event_a_line_and_a_count() -> None:
    """Whoever is punctual costs nothing of that."""
    reader, writer = os.pipe()
    log = Log("alpha", fd=writer)
    instants = iter([10 * MS, 100 * MS, 700 * MS])
    stolen = iter([{b"cpu0": 0}, {b"cpu0": 40}, {b"cpu0": 340}])
    ticks = Punctuality(Meter(50 * MS, 0, lambda: next(stolen)), log, lambda: next(instants))
    assert ticks.tick(5 * MS) == Ticked()
    assert ticks.tick(20 * MS) == Stalled(80, 40)
    assert ticks.tick(200 * MS) == Stalled(500, 300)
    assert ticks.stats() == {"count": 2, "worst_ms": 500, "stolen_ms": 340}
    log.close()
    said = os.read(reader, 4096).decode().splitlines()
    os.close(reader)
    os.close(writer)
    assert [line.split()[0] for line in said] == ["event=node_stalled"] * 2
    assert "late_ms=500 stolen_ms=300" in said[1]
