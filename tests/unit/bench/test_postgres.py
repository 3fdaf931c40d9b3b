"""What the kernel says of a postmaster."""

from bench.postgres import rss_mib


def test_resident_memory_is_read_from_its_own_line() -> None:
    """VmHWM is the most that it ever was."""
    assert rss_mib("VmHWM:\t 99999 kB\nVmRSS:\t 36352 kB\n") == 35.5
