"""The health port: HTTP answers for load balancers and monitoring, in a process of its own.

Rule: it only reads.  It is a client of the node's control socket like any other, holds nothing
that the lease needs, and answers nothing from memory: what it says, the node said a moment ago.
docs/http.md defines every path and every metric.
"""
