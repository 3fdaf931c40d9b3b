"""The main process of a node: holds the deadline, the VIPs and the hooks. Standard library only."""
