"""Figures of real daemons on this machine: what a fault costs a client, what a quiet node costs.

Nothing here is asserted by a test; README.md says what is measured and how to read it.
"""
