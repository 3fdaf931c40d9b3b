"""What an operator does to a cluster: edits a file, restarts a node, types a verb."""

import subprocess
from dataclasses import replace

from tests.system.cluster import SystemCluster
from watchdog.cli.demo.cluster import Layout

VERB_S = 40.0


def quorumdog(cluster: SystemCluster, name: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a verb on the machine of a node, with its configuration."""
    verb, *more = words
    config = ["--config", str(cluster.cluster.config(name))]
    return subprocess.run(
        cluster.cluster.command(name, verb, *config, *more),
        capture_output=True,
        text=True,
        check=False,
        timeout=VERB_S,
    )


def configure(cluster: SystemCluster, name: str, layout: Layout) -> None:
    """Give one node another file; it is read at the next start."""
    folder = cluster.cluster.folder
    text = layout.text(folder / "authkey", folder / name)
    cluster.cluster.config(name).write_text(text, encoding="utf-8")


def members_only(layout: Layout, names: tuple[str, ...]) -> Layout:
    """The same file with fewer nodes."""
    return replace(layout, addresses={name: layout.addresses[name] for name in names})


def restart(cluster: SystemCluster, name: str, *options: str) -> None:
    """Stop a node as systemd does, and start it again."""
    assert cluster.stop(name) == 0, cluster.log(name)
    cluster.start(name, *options)


def is_back(cluster: SystemCluster, name: str) -> bool:
    """Whether a restarted node takes part again, and everybody hears everybody."""
    bodies = [cluster.cluster.status(other) for other in cluster.names]
    if not all(body and all(row["reachable"] for row in body["nodes"]) for body in bodies):
        return False
    body = bodies[cluster.names.index(name)]
    assert body is not None
    return body["state"] in {"STANDBY", "COORDINATOR"} and body["coordinator"] is not None
