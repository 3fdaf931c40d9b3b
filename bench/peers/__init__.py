"""Beside the peers: keepalived, Pacemaker and the pgpool watchdog, broken the same way as ours.

Each cluster has three nodes in namespaces of its own, one answering process on each node, and one
observing process outside (`watching`) which is the only source of figures (`judge`).
"""
