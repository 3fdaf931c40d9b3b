"""Reading what the kernel says of a process."""

import pytest

from bench.idle import field, memory, per_node

ROLLUP = """55d0c0000000-7ffd00000000 ---p 00000000 00:00 0    [rollup]
Rss:               20480 kB
Pss:               11264 kB
Pss_Dirty:          9000 kB
Shared_Clean:       9216 kB
Private_Clean:      1024 kB
Private_Dirty:      9216 kB
Private_Hugetlb:       0 kB
"""


def test_memory_is_what_only_this_process_has() -> None:
    """Shared pages are there anyway; Pss_Dirty is a part of Pss and not counted twice."""
    assert memory(ROLLUP) == {"uss_mib": 10.0, "pss_mib": 11.0}


def test_a_number_of_the_status_is_found_by_its_whole_name() -> None:
    """`voluntary_ctxt_switches` is the end of another line's name."""
    text = "nonvoluntary_ctxt_switches:\t7\nvoluntary_ctxt_switches:\t42\n"
    assert field(text, "voluntary_ctxt_switches") == 42


def test_a_node_costs_what_its_processes_cost() -> None:
    """The goal is for a node, whichever process does the work."""
    idle = {
        "coordinator guardian": {"cpu_s_per_minute": 0.1, "pss_mib": 2.5},
        "coordinator node": {"cpu_s_per_minute": 0.25, "pss_mib": 8.0},
        "standby node": {"cpu_s_per_minute": 0.2, "pss_mib": 9.0},
    }
    assert per_node(idle, "coordinator") == pytest.approx(0.35)
    assert per_node(idle, "coordinator", "pss_mib") == pytest.approx(10.5)
