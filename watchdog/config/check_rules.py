"""What must hold between the options of checks, lifecheck and health port.

Rule: as in `rules`: faults make a start impossible; warnings tell of a check that is safe, but
will not do what its owner hopes for.
"""

import ipaddress
from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import urlsplit

from watchdog.config.check_schema import Check, CheckOptions, HttpProbe, Probe, TcpProbe
from watchdog.config.errors import Path, Problem, dotted
from watchdog.config.schema import Cluster, Hooks, Http, Lifecheck, Node
from watchdog.config.values import format_ms

DEADTIME_INTERVALS: Final = 3
AGAIN_MS: Final = 1_000
"""A failure that does not count yet is looked at again after this, or after `every` if shorter."""
_RESTART_KEYS: Final = ("restart", "restarts", "restart_within", "restart_timeout")


def check_faults(checks: Mapping[str, Check]) -> Iterator[Problem]:
    """Contradictions inside one check."""
    for name, check in checks.items():
        yield from _restart(("check", name), check.options)
        for probe in check.probes:
            yield from _pace(probe)
            yield from _options(probe)


def _restart(path: Path, options: CheckOptions) -> Iterator[Problem]:
    name, wanted = dotted(path), options.on_fail is not None and options.on_fail.kind == "restart"
    if wanted and options.restart is None:
        yield Problem(
            (*path, "on_fail"),
            f'[{name}] has on_fail = "restart", but not what to run',
            "nothing would be restarted",
            'add restart = ["/usr/bin/systemctl", "restart", "postgresql"]',
        )
    given = [key for key in _RESTART_KEYS if key in options.model_fields_set]
    if given and not wanted:
        yield Problem(
            (*path, given[0]),
            f'`{given[0]}` has no effect in [{name}] without on_fail = "restart"',
            "its owner expects something to be restarted, and nothing would be",
            f'add on_fail = "restart", or remove `{given[0]}`',
        )


def _pace(probe: Probe) -> Iterator[Problem]:
    name, rhythm = dotted(probe.path), probe.rhythm()
    if rhythm.timeout > rhythm.every:
        every, timeout = format_ms(rhythm.every), format_ms(rhythm.timeout)
        yield Problem(
            (*probe.path, "timeout"),
            f"`{name}.timeout` = {timeout} is longer than `every` = {every}",
            "a probe would still run when its next one is due",
            f'write timeout = "{every}" or less',
        )
    least = min(rhythm.every, AGAIN_MS) * (rhythm.fails - 1)
    if 0 < probe.pace.window < least:
        yield Problem(
            (*probe.path, "window"),
            f"`{name}.window` = {format_ms(probe.pace.window)} is too short:"
            f" {rhythm.fails} failures take {format_ms(least)} at least",
            "the check could never become DOWN",
            f'write window = "{format_ms(least)}" or more, or lower `fails`',
        )


def _options(probe: Probe) -> Iterator[Problem]:
    options, path = probe.options, probe.path
    clear, most = getattr(options, "clear", None), threshold(probe)
    if clear is not None and most is not None and clear >= most:
        yield Problem(
            (*path, "clear"),
            f"`{dotted(path)}.clear` = {clear:g} is not below the threshold of {most:g}",
            "between the two nothing changes; without a gap the verdict could flap",
            f"write a value below {most:g}, or leave it out: it is {default_clear(most):g} then",
        )
    within, every = getattr(options, "within", None), probe.rhythm().every
    if within is not None and within < every:
        yield Problem(
            (*path, "within"),
            f"`{dotted(path)}.within` = {format_ms(within)} is shorter than"
            f" `every` = {format_ms(every)}",
            "between two looks the file has no time to grow",
            f'write within = "{format_ms(every)}" or more, or look more often',
        )


def threshold(probe: Probe) -> float | None:
    """The bound of a load, memory or disk probe; None for the others."""
    key = {"load": "load", "memory": "memory", "disk": "used_max"}.get(probe.kind)
    return None if key is None else float(getattr(probe.options, key))


def default_clear(most: float) -> float:
    """Nine tenths of the threshold."""
    return round(most * 0.9, 2)


def table_faults(
    cluster: Cluster, lifecheck: Lifecheck | None, http: Http | None
) -> Iterator[Problem]:
    """Ports that are taken twice, and a heartbeat that one lost datagram would end."""
    if lifecheck is not None and lifecheck.method == "heartbeat":
        yield from _heartbeat(cluster, lifecheck)
    if http is not None and http.listen.port == cluster.port:
        yield Problem(
            ("http", "listen"),
            f"`http.listen` has port {cluster.port}, which is the nodes' own (`cluster.port`)",
            "only one of the two could listen there",
            "choose another one, such as 127.0.0.1:8780",
        )


def _heartbeat(cluster: Cluster, lifecheck: Lifecheck) -> Iterator[Problem]:
    if lifecheck.heartbeat_port == cluster.port:
        yield Problem(
            ("lifecheck", "heartbeat_port"),
            f"`lifecheck.heartbeat_port` is {cluster.port}, which is the nodes' own"
            " (`cluster.port`)",
            "both are UDP, and only one of them could listen there",
            "keep the default, 9694",
        )
    least = DEADTIME_INTERVALS * lifecheck.interval
    if lifecheck.deadtime < least:
        interval, deadtime = format_ms(lifecheck.interval), format_ms(lifecheck.deadtime)
        yield Problem(
            ("lifecheck", "deadtime"),
            f"`lifecheck.deadtime` = {deadtime} is less than {DEADTIME_INTERVALS} times"
            f" `interval` = {interval}",
            "one lost datagram would be a death",
            f'write deadtime = "{format_ms(least)}" or more',
        )


def lifecheck_warnings(lifecheck: Lifecheck, checks: Mapping[str, Check]) -> Iterator[Problem]:
    """Options of [lifecheck] that nothing listens to."""
    if lifecheck.method == "heartbeat":
        return
    unheard = {"heartbeat_port", "interval"}
    if not checks:
        unheard |= {"deadtime", "on_loss", "accelerators"}
    for key in sorted(unheard & lifecheck.model_fields_set):
        yield Problem(
            ("lifecheck", key),
            f'`lifecheck.{key}` has no effect with method = "{lifecheck.method}"',
            "" if key in {"heartbeat_port", "interval"} else "and there is no [check.NAME]",
            "remove it",
        )


def http_warnings(http: Http | None) -> Iterator[Problem]:
    """A health port that all nodes but one cannot open, because the file is the same for all."""
    if http is None:
        return
    host = ipaddress.ip_address(http.listen.host)
    if host.is_unspecified or host.is_loopback:
        return
    everywhere = "0.0.0.0" if host.version == 4 else "[::]"  # noqa: S104 words for a person
    yield Problem(
        ("http", "listen"),
        f"only one machine has {host}, and this file is the same on every node",
        "on the others the health port could not be opened",
        f'write listen = "{everywhere}:{http.listen.port}"',
    )


def check_warnings(
    checks: Mapping[str, Check], hooks: Hooks, nodes: Mapping[str, Node]
) -> Iterator[Problem]:
    """Checks that will disappoint, of a draft without faults."""
    for name, check in checks.items():
        yield from _escalated(("check", name), check, hooks)
        yield from _handicap(("check", name), check, nodes)
        for probe in check.probes:
            yield from _name(probe)


def _escalated(path: Path, check: Check, hooks: Hooks) -> Iterator[Problem]:
    if check.options.when == "escalated" and hooks.escalation is None:
        yield Problem(
            (*path, "when"),
            f'[{dotted(path)}] has when = "escalated", but there is no escalation hook',
            "it begins to count when the hook has succeeded, so it counts at once",
            "remove it, or add `escalation` to [hooks]: it starts what is checked",
        )
    if check.options.when == "escalated" and check.reaction()[0] == "priority":
        yield Problem(
            (*path, "on_fail"),
            f"[{dotted(path)}] lowers the priority only while this node leads",
            "afterwards the node has its priority back, and may take the place back",
            'write on_fail = "release"',
        )


def _handicap(path: Path, check: Check, nodes: Mapping[str, Node]) -> Iterator[Problem]:
    kind, by = check.reaction()
    ranks = sorted((n.priority for n in nodes.values() if n.role == "member"), reverse=True)
    if kind != "priority" or len(ranks) < 2 or max(0, ranks[0] - by) < ranks[1]:
        return
    need = ranks[0] - ranks[1] + 1
    hint = f'write on_fail = "priority:-{need}" or more'
    if need > ranks[0]:
        hint = "give the nodes priorities above 0"
    yield Problem(
        (*path, "on_fail"),
        f"[{dotted(path)}]: priority:-{by} is too little to move the VIP from the best node",
        f"the best has {ranks[0]}, the next one {ranks[1]}; equal is not better",
        hint,
    )


def _name(probe: Probe) -> Iterator[Problem]:
    host = _host_of(probe)
    if host is None or host == "localhost" or ":" in host or host.replace(".", "").isdigit():
        return
    yield Problem(
        (*probe.path, probe.kind),
        f"`{dotted(probe.path)}.{probe.kind}` names the host {host}, which every run looks up",
        "a name service that fails would count as a service that fails",
        "write its address",
    )


def _host_of(probe: Probe) -> str | None:
    if isinstance(probe.options, TcpProbe):
        return probe.options.tcp.host
    if isinstance(probe.options, HttpProbe):
        return urlsplit(probe.options.http).hostname
    return None
