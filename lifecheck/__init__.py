"""Health checks beside the election: a process of its own, speaking only IPC. Still to come."""
