"""Health checks beside the election; an own process that speaks only IPC. Filled later."""
