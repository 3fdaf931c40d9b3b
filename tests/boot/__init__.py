"""The unit under a real systemd in namespaces: minutes, and alone on the machine (`make boot`)."""
