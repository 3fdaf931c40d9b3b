"""Where hooks are held together: what the kernel's own tables say about cgroups."""

from watchdog.guardian.hook_group import find_mount, own_path

HYBRID = """31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime shared:9 - cgroup2 cgroup2 rw
"""
UNIFIED = "29 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"


def test_cgroup2_is_found_wherever_it_is_mounted() -> None:
    """Hybrid machines have it below `unified`, without controllers; that is enough."""
    assert find_mount(HYBRID) == "/sys/fs/cgroup/unified"
    assert find_mount(UNIFIED) == "/sys/fs/cgroup"
    assert find_mount(HYBRID.splitlines()[0]) == ""
    assert find_mount("1 2 3 - cgroup2 x") == ""
    assert find_mount(UNIFIED.replace("/sys/fs/cgroup", "/a\\040b", 1)) == "/a b"


def test_our_own_place_is_the_line_of_hierarchy_zero() -> None:
    """Groups are made below it, so that a service's limits and clean-up hold for hooks."""
    text = "9:name=systemd:/x\n0::/system.slice/quorumdog.service\n"
    assert own_path(text) == "system.slice/quorumdog.service"
    assert own_path("0::/\n") == ""
    assert own_path("") == ""
