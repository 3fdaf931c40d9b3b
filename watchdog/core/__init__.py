"""The election: pure decisions. No I/O, no clock, no asyncio (tests/house keeps it so)."""
