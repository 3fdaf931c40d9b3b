"""What can be done to the network between nodes and client; the judge's own wire is never cut.

Frames are dropped on the bridge, as by a switch that died: every carrier stays.  One transaction
for each change, so a partition begins for everybody at once.  Counters show that it was one.
"""

import json
from collections import Counter
from collections.abc import Iterable
from typing import Final

from watchdog.cli.demo.lab import INTERFACE, Lab, run

Pair = tuple[str, str]
"""(source, target): one direction."""
_TABLE: Final = """
table bridge nemesis {
    set cut { type ifname . ifname; }
    set lossy { type ifname . ifname; }
    counter dropped { }
    chain forward {
        type filter hook forward priority 0; policy accept;
        iifname . oifname @cut counter name dropped drop
        iifname . oifname @lossy numgen random mod 100 < %(loss)d counter name dropped drop
    }
}
"""
LOSS_PERCENT: Final = 20


class Wires:
    """The bridge of one laboratory."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._cut: Counter[Pair] = Counter()
        """How many faults cut a pair now: two at once may have it in common."""
        self._nft(_TABLE % {"loss": LOSS_PERCENT})

    def _nft(self, text: str) -> str:
        return run(["ip", "netns", "exec", self._lab.network, "nft", "-f", "-"], text)

    def cut(self, pairs: Iterable[Pair]) -> None:
        """Nothing passes from each source to its target."""
        self._cut.update(pairs)
        self._change("add", "cut", self._cut)

    def mend(self, pairs: Iterable[Pair]) -> None:
        """Undo one `cut`."""
        self._cut.subtract(pairs)
        whole = [pair for pair, count in self._cut.items() if not count]
        for pair in whole:
            del self._cut[pair]
        if whole:
            self._change("delete", "cut", whole)

    def lose(self, pairs: Iterable[Pair]) -> None:
        """Some frames do not pass, at random."""
        self._change("add", "lossy", pairs)

    def lose_no_more(self, pairs: Iterable[Pair]) -> None:
        """Undo `lose`."""
        self._change("delete", "lossy", pairs)

    def mend_all(self) -> None:
        """Whatever was cut."""
        self._cut.clear()
        self._nft("flush set bridge nemesis cut\nflush set bridge nemesis lossy\n")

    def _change(self, verb: str, which: str, pairs: Iterable[Pair]) -> None:
        named = ", ".join(f'"{_port(one)}" . "{_port(other)}"' for one, other in pairs)
        self._nft(f"{verb} element bridge nemesis {which} {{ {named} }}\n")

    def dropped(self) -> int:
        """How many frames were dropped so far."""
        words = ["nft", "-j", "list", "counter", "bridge", "nemesis", "dropped"]
        said = json.loads(run(["ip", "netns", "exec", self._lab.network, *words]))
        return next(int(one["counter"]["packets"]) for one in said["nftables"] if "counter" in one)

    def carrier(self, name: str, *, up: bool) -> None:
        """Plug a cable in or out."""
        self._lab.set_carrier(name, up=up)

    def mac(self, name: str) -> str:
        """The MAC address of a place."""
        space = self._lab.places[name].namespace
        said = json.loads(run(["ip", "-n", space, "-j", "link", "show", "dev", INTERFACE]))
        return str(said[0]["address"])


def both_ways(one: Iterable[str], other: Iterable[str]) -> list[Pair]:
    """Every direction between two groups."""
    others = list(other)
    return [pair for a in one for b in others if a != b for pair in ((a, b), (b, a))]


def _port(name: str) -> str:
    return f"p-{name}"[:15]
