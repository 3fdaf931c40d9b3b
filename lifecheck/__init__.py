"""Health checks beside the election: a process of its own, which only ever speaks to the node.

From outside to inside: `processes`, `probes` and `heartbeat` look; `detector` makes verdicts of
outcomes, `check` of several probes, `edge` of heartbeats; `statement` says what all of it amounts
to; `runner` ties them together, and `node_link` and `guard_link` lead out.  docs/lifecheck.md is
what users are told.
"""
