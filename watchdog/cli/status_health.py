"""The part of `status` about health: every check with its age, who hears whom, who speaks.

Rule: nothing is printed about what is not configured; every column says what it measures.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from watchdog.cli.table import table

CHECKS: Final = ("CHECK", "VERDICT", "FOR", "LOOKED", "FAILED", "ON FAIL", "SAYS")
HEARTBEAT: Final = ("HEARTBEAT", "VERDICT", "HEARD", "RTT", "LOSS", "HEARS US")
LIFECHECK: Final = "lifecheck"
"""The built-in one, as a source of words."""
NONE: Final = "-"
UNTOLD: Final[dict[str, Any]] = {
    "checks": (),
    "heartbeat": (),
    "clients": (),
    "running": False,
}
"""What a daemon of an earlier version does not say."""
MINUTE_S: Final = 60
HOUR_S: Final = 60 * MINUTE_S
DAY_S: Final = 24 * HOUR_S


def tables(body: Mapping[str, Any]) -> Iterator[str]:
    """The checks of this node and its heartbeats, as lines that may be cut at the end."""
    lifecheck = body.get("lifecheck", UNTOLD)
    if lifecheck["checks"]:
        rows = [row for check in lifecheck["checks"] for row in _check(check)]
        yield from table(CHECKS, rows)
    if lifecheck["heartbeat"]:
        yield from table(HEARTBEAT, [_edge(edge) for edge in lifecheck["heartbeat"]])


def sentences(body: Mapping[str, Any]) -> Iterator[str]:
    """Who calls whom dead, and who speaks of health here."""
    for row in body["nodes"]:
        if row.get("called_dead_by"):
            yield f"{row['name']}: called dead by {', '.join(row['called_dead_by'])}"
    for source, words in body.get("called_dead", {}).items():
        for subject, reason in words.items():
            is_own = subject == body["local"]
            if is_own and source == LIFECHECK:
                continue  # its line says so
            who = "itself" if is_own else subject
            yield f"{body['local']} calls {who} dead: {reason or 'no reason'} (from {source})"
    yield from _deaf(body)
    known = [row["reason"] for row in body["nodes"]]
    yield from _lifecheck(body.get("lifecheck", UNTOLD), known)


def _deaf(body: Mapping[str, Any]) -> Iterator[str]:
    """Nodes that are reached, and not one heartbeat: the fault is most likely here."""
    edges = body.get("lifecheck", UNTOLD)["heartbeat"]
    reached = {row["name"] for row in body["nodes"] if row["reachable"]}
    silent = [edge["node"] for edge in edges if edge.get("node") in reached]
    if silent and not any(edge.get("verdict") == "alive" for edge in edges):
        yield (
            f"no heartbeat arrives here, though {', '.join(silent)} can be reached: is the UDP "
            "port taken on this machine (event=heartbeat_port_unusable in its log), or filtered?"
        )


def is_degraded(body: Mapping[str, Any]) -> bool:
    """Whether a check is down, or some node says that it or another is unwell."""
    checks = body.get("lifecheck", UNTOLD)["checks"]
    return any(check.get("verdict") == "down" for check in checks) or any(
        row["healthy"] is False or row.get("called_dead_by") for row in body["nodes"]
    )


def ago(seconds: object) -> str:
    """A length of time in its largest fitting unit."""
    if not isinstance(seconds, int | float):
        return NONE
    if seconds < MINUTE_S:
        return f"{seconds:.1f} s"
    for unit_s, name in ((DAY_S, "d"), (HOUR_S, "h"), (MINUTE_S, "min")):
        if seconds >= 2 * unit_s:
            return f"{int(seconds // unit_s)} {name}"
    return f"{int(seconds)} s"


def _check(check: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    probes = check.get("probes") or []
    is_single = len(probes) <= 1
    yield (
        _text(check, "name"),
        _text(check, "verdict"),
        ago(check.get("age_s")),
        _looked(check),
        _count(check.get("fail_count")),
        _text(check, "on_fail"),
        _text(check, "reason", ""),
    )
    for probe in [] if is_single else probes:
        failures = _count(probe.get("failures"))
        says = _text(probe, "reason", "")
        yield (
            f"- {_text(probe, 'kind')}",
            _text(probe, "verdict"),
            "",
            _looked(probe),
            failures,
            "",
            says,
        )


def _edge(edge: Mapping[str, Any]) -> tuple[str, ...]:
    heard, rtt, loss = edge.get("heard_s"), edge.get("rtt_ms"), edge.get("loss_in_percent")
    hears_us = "not known"
    if edge.get("heard_by_it") is not None:
        hears_us = "yes" if edge["heard_by_it"] else "no"
    return (
        _text(edge, "node"),
        _text(edge, "verdict"),
        NONE if heard is None else f"{ago(heard)} ago",
        f"{rtt:.2f} ms" if isinstance(rtt, int | float) else NONE,
        f"{loss:.0f} %" if isinstance(loss, int | float) else NONE,
        hears_us,
    )


def _lifecheck(lifecheck: Mapping[str, Any], known: Sequence[str]) -> Iterator[str]:
    if lifecheck["running"]:
        verdict = lifecheck["verdict"] or "nothing yet"
        is_news = lifecheck["reason"] and lifecheck["reason"] not in known
        why = f" ({lifecheck['reason']})" if is_news else ""
        stale = "" if lifecheck["answering"] else "; it does not answer, so this may be old"
        used = ", ".join(lifecheck["accelerators"]) or "none"
        yield f"lifecheck: says {verdict}{why}; accelerators: {used}{stale}"
    others = [
        f"{client['name']} (pid {client['pid']}, uid {client['uid']})"
        for client in lifecheck["clients"]
        if not client["builtin"]
    ]
    if others:
        yield f"other lifechecks: {', '.join(others)}"


def _looked(row: Mapping[str, Any]) -> str:
    last = row.get("last_s")
    return "never" if last is None else f"{ago(last)} ago"


def _text(row: Mapping[str, Any], field: str, default: str = NONE) -> str:
    return str(row.get(field) or default)


def _count(value: object) -> str:
    return str(value) if isinstance(value, int) else NONE
