"""What the logs of all processes of a node share: how a line looks, who writes it, how many.

Each process has its own `log.py`, because each may wait for something else, or for nothing.
"""
