"""How many questions the control socket answers while the cluster runs, and how late the last ones.

One client asks for the node list, one connection a question as pgpool's own clients do; then
several ask at once.  Nobody may notice: the coordinator is the same afterwards.
"""

import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from bench.lab import running
from ipc.client import nodes

QUESTIONS: Final = 2000
CLIENTS: Final = 4
ASK_EVERY_MS: Final = 1000


def measure(questions: int = QUESTIONS) -> dict[str, Any]:
    """Ask so many questions alone, and as many by several clients at once."""
    with running("default", ASK_EVERY_MS) as cluster:
        coordinator = cluster.wait_healthy()
        socket = cluster.cluster.socket(coordinator)
        alone_s, alone_ms = _ask(socket, questions, 1)
        together_s, together_ms = _ask(socket, questions, CLIENTS)
        kept = cluster.wait_coordinator() == coordinator
        return {
            "profile": "default",
            "questions": questions,
            "rates": {
                "1 client": _figures(alone_s, alone_ms),
                f"{CLIENTS} clients": _figures(together_s, together_ms),
            },
            "coordinator_kept": kept,
        }


def _ask(socket: Path, questions: int, clients: int) -> tuple[float, list[float]]:
    started = time.monotonic()
    with ThreadPoolExecutor(clients) as pool:
        shares = pool.map(lambda _: _one_client(socket, questions // clients), range(clients))
        latencies = [ms for share in shares for ms in share]
    return time.monotonic() - started, latencies


def _one_client(socket: Path, questions: int) -> list[float]:
    found = []
    for _ in range(questions):
        started = time.monotonic()
        nodes(socket)
        found.append((time.monotonic() - started) * 1000)
    return found


def _figures(seconds: float, latencies_ms: list[float]) -> dict[str, float]:
    cuts = statistics.quantiles(latencies_ms, n=100)
    return {
        "requests_per_s": round(len(latencies_ms) / seconds),
        "median_ms": round(statistics.median(latencies_ms), 2),
        "p99_ms": round(cuts[98], 2),
        "worst_ms": round(max(latencies_ms), 2),
    }
