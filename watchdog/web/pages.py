"""Requests to responses: which path says what, in which form.

Rule: docs/http.md, "Paths".  A path answers GET, HEAD and OPTIONS with the same code, because
load balancers ask by any of them; nothing here changes anything, and nothing may be cached.
"""

import json
from collections import Counter
from http import HTTPStatus
from typing import Final

from aiohttp import web

from watchdog.web import clock, metrics
from watchdog.web.answers import CHECKS, Answer
from watchdog.web.library_log import LibraryLog
from watchdog.web.question import Look, Node
from watchdog.web.visitors import Visitors

METHODS: Final = ("GET", "HEAD", "OPTIONS")
ALLOW: Final = ", ".join(METHODS)
TEXT: Final = "text/plain; charset=utf-8"
JSON: Final = "application/json; charset=utf-8"
LIVE, CLUSTER, METRICS = "/livez", "/v1/cluster", "/metrics"
PATHS: Final = (*CHECKS, LIVE, CLUSTER, METRICS)
HEADERS: Final = {
    "Allow": ALLOW,
    "Cache-Control": "no-store",
    "Server": "quorumdog",
    "X-Content-Type-Options": "nosniff",
}


class Pages:
    """What every path says."""

    def __init__(self, node: Node, visitors: Visitors, faults: LibraryLog) -> None:
        """`visitors` and `faults` are only counted here."""
        self._node = node
        self._visitors = visitors
        self._requests: Counter[tuple[str, int]] = Counter()
        self._faults = faults

    async def respond(self, method: str, path: str) -> web.Response:
        """The response to one request."""
        code, kind, body = await self._page(method, path)
        self._requests[path if path in PATHS else "other", code] += 1
        headers = {**HEADERS, "Content-Type": kind}
        return web.Response(status=code, headers=headers, body=b"" if method == "OPTIONS" else body)

    async def _page(self, method: str, path: str) -> tuple[int, str, bytes]:
        if path not in PATHS:
            return _line(HTTPStatus.NOT_FOUND, f"no such path; there are: {' '.join(PATHS)}")
        if method not in METHODS:
            why = f"this port only answers questions: {ALLOW}"
            return _line(HTTPStatus.METHOD_NOT_ALLOWED, why)
        if path == LIVE:
            return _line(HTTPStatus.OK, "yes: the health port answers; the node was not asked")
        look = await self._node.look()
        age_s = look.age_s(clock.boot_s())
        if path == METRICS:
            page = metrics.page(look.status, age_s, self._counts())
            return HTTPStatus.OK, metrics.CONTENT_TYPE, page
        if path == CLUSTER:
            return _cluster(look)
        answer = Answer(False, look.why)
        if look.status is not None:
            answer = CHECKS[path](look.status, age_s)
        code = HTTPStatus.OK if answer.is_yes else HTTPStatus.SERVICE_UNAVAILABLE
        return _line(code, f"{'yes' if answer.is_yes else 'no'}: {answer.why}")

    def _counts(self) -> metrics.Counts:
        return metrics.Counts(
            requests=self._requests,
            connections=len(self._visitors),
            ended=self._visitors.ended,
            bad_requests=self._faults.bad_requests,
            questions=self._node.questions,
        )


def _line(code: HTTPStatus, text: str) -> tuple[int, str, bytes]:
    return code, TEXT, f"{text}\n".encode()


def _cluster(look: Look) -> tuple[int, str, bytes]:
    if look.status is None:
        body = json.dumps({"error": look.why})
        return HTTPStatus.SERVICE_UNAVAILABLE, JSON, f"{body}\n".encode()
    return HTTPStatus.OK, JSON, f"{json.dumps(look.status.body)}\n".encode()
