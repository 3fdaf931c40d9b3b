"""The node process: the asyncio shell around the core."""
