"""The plan's part for lifecheck and the health port: every default spelt out, times in ms.

Rule: lifecheck validates nothing again, so a probe's options carry every key of their kind.
"""

from typing import Any

from pydantic import BaseModel

from watchdog.config.check_rules import default_clear
from watchdog.config.check_schema import (
    Check,
    CommandProbe,
    DiskProbe,
    FileProbe,
    HttpProbe,
    LoadProbe,
    LogGrowthProbe,
    LogMatchProbe,
    MemoryProbe,
    PingProbe,
    Probe,
    ProcessProbe,
    TcpProbe,
)
from watchdog.config.schema import Config


def lifecheck_part(config: Config, node: str) -> dict[str, Any] | None:
    """What the lifecheck process of `node` is told; None when it has nothing to do."""
    table = config.lifecheck
    checks = {} if config.nodes[node].role == "witness" else config.check
    if not checks and table.method != "heartbeat":
        return None
    return {
        "method": table.method,
        "on_loss": table.on_loss,
        "heartbeat": _heartbeat(config, node) if table.method == "heartbeat" else None,
        "deadtime_ms": table.deadtime,
        "accelerators": list(table.accelerators),
        "checks": [check_row(name, check) for name, check in checks.items()],
    }


def expectation(config: Config, node: str) -> dict[str, Any]:
    """What the node process needs to know of its lifecheck."""
    table = config.lifecheck
    return {
        "expected": lifecheck_part(config, node) is not None,
        "method": table.method,
        "on_loss": table.on_loss,
        "deadtime_ms": table.deadtime,
    }


def http_part(config: Config) -> dict[str, Any] | None:
    """Where the health port listens; None without `[http]`."""
    if config.http is None:
        return None
    return {"address": config.http.listen.host, "port": config.http.listen.port}


def _heartbeat(config: Config, node: str) -> dict[str, Any]:
    """Sent from the node's own address, because the others know it by that."""
    return {
        "address": config.nodes[node].address,
        "port": config.lifecheck.heartbeat_port,
        "interval_ms": config.lifecheck.interval,
        "deadtime_ms": config.lifecheck.deadtime,
        "peers": [
            {"name": name, "address": other.address}
            for name, other in config.nodes.items()
            if name != node
        ],
    }


def check_row(name: str, check: Check) -> dict[str, Any]:
    """One check with its probes."""
    return {
        "name": name,
        "when": check.options.when,
        "on_fail": _on_fail(check),
        "probes": [_probe_row(probe) for probe in check.probes],
    }


def shared_row(name: str, check: Check) -> dict[str, Any]:
    """What all nodes share of a check; a pidfile is each machine's own path, as `data_dir` is."""
    row = check_row(name, check)
    for probe in row["probes"]:
        if probe["options"].get("pidfile") is not None:
            probe["options"]["pidfile"] = "local"
    return row


def _on_fail(check: Check) -> dict[str, Any]:
    kind, by = check.reaction()
    options = check.options
    if kind == "priority":
        return {"kind": kind, "by": by}
    if kind == "restart":
        assert options.restart is not None
        return {
            "kind": kind,
            "argv": list(options.restart),
            "restarts": options.restarts,
            "within_ms": options.restart_within,
            "timeout_ms": options.restart_timeout,
        }
    return {"kind": kind}


def _probe_row(probe: Probe) -> dict[str, Any]:
    rhythm = probe.rhythm()
    return {
        "kind": probe.kind,
        "every_ms": rhythm.every,
        "timeout_ms": rhythm.timeout,
        "fails": rhythm.fails,
        "rises": rhythm.rises,
        "window_ms": probe.pace.window,
        "start_delay_ms": probe.pace.start_delay,
        "options": _options(probe.options),
    }


def _options(given: BaseModel) -> dict[str, Any]:
    match given:
        case ProcessProbe():
            return _process(given)
        case TcpProbe(tcp=(host, port)):
            return {"host": host, "port": port, "send": given.send, "expect": given.expect}
        case HttpProbe():
            return {"url": given.http, "status": list(given.status), "body": given.body}
        case CommandProbe():
            return {"argv": list(given.command), "style": given.style, "output": given.output}
        case LogGrowthProbe():
            return {"path": given.log_growth, "within_ms": given.within}
        case LogMatchProbe():
            return {"path": given.log_match, "pattern": given.pattern, "hold_ms": given.hold}
        case FileProbe():
            return {"path": given.file, "age_max_ms": given.age_max}
        case PingProbe():
            return {"addresses": list(given.ping)}
        case LoadProbe():
            return {"max": given.load, "clear": given.clear or default_clear(given.load)}
        case MemoryProbe():
            return _percents(given.memory, given.clear)
        case DiskProbe():
            return {"path": given.disk, **_percents(given.used_max, given.clear)}
    raise AssertionError(f"a probe without a row: {given!r}")


def _process(given: ProcessProbe) -> dict[str, Any]:
    return {
        "prefixes": list(given.process or ()),
        "pidfile": given.pidfile,
        "exe": given.exe,
        "unit": given.unit,
        "absent_for_ms": given.absent_for,
        "min_count": given.min_count,
    }


def _percents(most: float, clear: float | None) -> dict[str, float]:
    return {"max_percent": most, "clear_percent": clear or default_clear(most)}
