"""The local control socket: framing, messages, an asyncio server and a blocking client.

Knows nothing of the watchdog; a client of it may copy this package.  docs/ipc.md has the format.
"""
