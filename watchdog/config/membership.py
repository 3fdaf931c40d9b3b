"""The membership of the file against the one that this node has stored and obeys.

Rule: membership is stored, not re-read, because two nodes that obey different lists can have two
disjoint quorums (a rolling edit from 3 to 5 nodes: {a,b} of 3 and {c,d,e} of 5).  A file that
still has every stored member where it was is an edit that was only copied yet: the node goes on
with the stored list and says so.  Everything else needs `run --accept-membership`.
"""

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from watchdog.config.errors import ConfigError, Fault
from watchdog.config.numbers import members_digest

Stored = Sequence[tuple[str, int]]
"""(name, weight) of every member, as the state record has them."""

WAY_OUT: Final = (
    "to change the membership: stop the daemon on every node, install the same file everywhere, "
    "then start each node once with `quorumdog run --accept-membership`"
)
_WHY: Final = "nodes that obey different lists can elect two coordinators"
ADDRESSES_FILE: Final = "addresses.json"
ADDRESSES_SIZE_MAX: Final = 65_536


@dataclass(frozen=True, slots=True)
class Difference:
    """The file against the stored list; empty tuples where they agree."""

    added: tuple[str, ...]
    dropped: tuple[str, ...]
    moved: tuple[tuple[str, str, str], ...]
    """(name, stored address, the file's address)"""
    reweighed: tuple[tuple[str, int, int], ...]
    """(name, stored weight, the file's weight)"""

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self.added or self.dropped or self.moved or self.reweighed)

    def lines(self) -> list[str]:
        """One line per difference, for people."""
        return [
            *(f"{name} is stored, but not in the file" for name in self.dropped),
            *(f"{name} is stored at {was}, the file has {now}" for name, was, now in self.moved),
            *(
                f"{name} is stored with weight {was}, the file gives {now}"
                for name, was, now in self.reweighed
            ),
            *(f"{name} is in the file, but not stored" for name in self.added),
        ]


def compare(
    members: Sequence[Mapping[str, Any]], stored: Stored, addresses: Mapping[str, str]
) -> Difference:
    """`members` is the plan's list; `addresses` are the remembered ones, may be empty."""
    file = {str(member["name"]): member for member in members}
    known = dict(stored)
    return Difference(
        added=tuple(name for name in file if name not in known),
        dropped=tuple(name for name in known if name not in file),
        moved=tuple(
            (name, addresses[name], member["address"])
            for name, member in file.items()
            if name in known and addresses.get(name, member["address"]) != member["address"]
        ),
        reweighed=tuple(
            (name, weight, file[name]["weight"])
            for name, weight in known.items()
            if name in file and file[name]["weight"] != weight
        ),
    )


def reconcile(
    plan: Mapping[str, Any], stored: Stored | None, addresses: Mapping[str, str]
) -> tuple[dict[str, Any], str | None]:
    """The plan that `run` may start with, and an alarm when it is not the file's.

    `stored` is None when nothing intact is stored (a fresh node takes the file's list).
    ConfigError (exit 2) when the file drops or moves a stored member without --accept-membership.
    """
    made = dict(plan)
    if stored is None:
        return made, None
    if plan["node_process"]["accept_membership"]:
        _refuse_too_many_dropped(plan, stored)
        return made, None
    difference = compare(plan["node_process"]["members"], stored, addresses)
    if not difference:
        return made, None
    if difference.dropped or difference.moved:
        what = "the file's membership is not the stored one: " + "; ".join(difference.lines())
        raise ConfigError([Fault(str(plan["config_file"]), what, _WHY, WAY_OUT)])
    made["node_process"] = _with_stored(plan, dict(stored))
    text = "running with the stored membership, not the file's: " + "; ".join(difference.lines())
    return made, f"{text}; {WAY_OUT}"


def _refuse_too_many_dropped(plan: Mapping[str, Any], stored: Stored) -> None:
    """A new list is obeyed when those of the old one who have not accepted are no quorum of it.

    Members that are dropped never accept: if they are a quorum, acceptance would never end.
    """
    weights = dict(stored)
    kept = {member["name"] for member in plan["node_process"]["members"]}
    dropped = sorted(name for name in weights if name not in kept)
    if 2 * sum(weights[name] for name in dropped) > sum(weights.values()):
        what = f"the file drops {', '.join(dropped)} at once, a quorum of the stored members"
        why = "a new membership counts only when the rest of the old one is no quorum any more"
        way = "change it in steps: drop fewer, let every node accept, then drop the others"
        raise ConfigError([Fault(str(plan["config_file"]), what, why, way)])


def _with_stored(plan: Mapping[str, Any], stored: Mapping[str, int]) -> dict[str, Any]:
    part = dict(plan["node_process"])
    part["members"] = [
        {**member, "weight": stored[member["name"]]}
        for member in part["members"]
        if member["name"] in stored
    ]
    digest = members_digest(bytes.fromhex(plan["cluster_id"]), stored.items())
    part["digest"] = digest.hex()
    return part


def read_addresses(data_dir: str, cluster_id: str) -> dict[str, str]:
    """The addresses that the members had at the last start; empty when none are remembered.

    They only serve to notice a moved member, so a damaged file counts as none.
    """
    try:
        text = Path(data_dir, ADDRESSES_FILE).read_text(encoding="utf-8")
        found = json.loads(text) if len(text) <= ADDRESSES_SIZE_MAX else {}
    except (OSError, ValueError):
        return {}
    if not isinstance(found, dict) or found.get("cluster_id") != cluster_id:
        return {}
    members = found.get("members")
    if not isinstance(members, dict):
        return {}
    return {name: at for name, at in members.items() if isinstance(at, str)}


def write_addresses(plan: Mapping[str, Any]) -> None:
    """Remember where the members are, for the next start; OSError when it cannot be written."""
    members = {m["name"]: m["address"] for m in plan["node_process"]["members"]}
    text = json.dumps({"cluster_id": plan["cluster_id"], "members": members})
    file = Path(plan["data_dir"], ADDRESSES_FILE)
    # The directory is the node's user's, and we may be root: a name that it can guess could be
    # a link to anything by now.
    descriptor, name = tempfile.mkstemp(prefix=f".{ADDRESSES_FILE}.", dir=file.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
            opened.write(text)
        Path(name).replace(file)
    except OSError:
        Path(name).unlink()
        raise
