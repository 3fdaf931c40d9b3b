"""What follows from the tables together."""

import hashlib
from pathlib import Path

from tests.unit.watchdog.config.samples import GOOD, loaded
from watchdog.config.numbers import (
    cluster_id,
    counts_gate,
    final_weights,
    members_digest,
    overrides_ms,
    socket_path,
    timing_of,
    watchdog_ms,
)
from watchdog.config.timing import in_ms, timing_for


def test_cluster_id_depends_on_the_name_alone() -> None:
    """It survives a change of the key."""
    assert cluster_id("pg-prod") == hashlib.sha256(b"quorumdog\0pg-prod").digest()


def test_members_digest_does_not_depend_on_the_order() -> None:
    """The order of the table breaks ties of priority; it changes no quorum."""
    one = members_digest(cluster_id("c"), [("a", 1), ("b", 2)])
    assert one == members_digest(cluster_id("c"), [("b", 2), ("a", 1)])
    assert len(one) == 32


def test_members_digest_differs_with_name_weight_and_cluster() -> None:
    """Whatever changes a quorum changes it."""
    members = [("a", 1), ("b", 12)]
    digests = {
        members_digest(cluster_id("c"), members),
        members_digest(cluster_id("d"), members),
        members_digest(cluster_id("c"), members[:1]),
        members_digest(cluster_id("c"), [("a", 1), ("b1", 2)]),
        members_digest(cluster_id("c"), [("a", 1), ("b", 1)]),
    }
    assert len(digests) == 5


def test_tie_breaker_doubles_all_and_adds_one_to_its_node(tmp_path: Path) -> None:
    """Half of the nodes with it are a quorum, the other half is none; two quorums still meet."""
    config = loaded(tmp_path, GOOD.replace("[nodes]", 'tie_breaker = "beta"\n[nodes]')).config
    assert final_weights(config.cluster, config.nodes) == {"alpha": 2, "beta": 3, "gamma": 2}
    plain = loaded(tmp_path).config
    assert final_weights(plain.cluster, plain.nodes) == {"alpha": 1, "beta": 1, "gamma": 1}


def test_given_numbers_replace_the_profiles(tmp_path: Path) -> None:
    """`deesc` counts only with the hook."""
    text = GOOD.replace("[nodes]", 'failback_delay = "2m"\n[nodes]')
    text += '[timing]\nsoft = "1s"\nretry = ["10ms", "20ms"]\n'
    text += '[hooks]\nde_escalation_timeout = "1s"\n'
    config = loaded(tmp_path, text).config
    given = overrides_ms(config.cluster, config.hooks, config.timing)
    assert given == {
        "soft": 1000,
        "retry_min": 10,
        "retry_max": 20,
        "failback_delay": 120_000,
        "escalation_timeout": 10_000,
    }
    with_hook = loaded(tmp_path, f'{text}de_escalation = "/x"\n').config
    assert overrides_ms(with_hook.cluster, with_hook.hooks, with_hook.timing)["deesc"] == 1000


def test_timing_of_a_plain_file_is_its_profile(tmp_path: Path) -> None:
    """Nothing of the machine enters."""
    config = loaded(tmp_path).config
    timing = timing_of(config.cluster, config.hooks, config.timing)
    assert timing == timing_for("default", hook=False)


def test_gate_counts_unless_the_file_says_none(tmp_path: Path) -> None:
    """Not what a machine can do: a node without nft must reckon as the others do."""
    slow = GOOD.replace("[nodes]", 'scheduling = "normal"\n[nodes]')
    for gate, hard in (("auto", 1690), ("nft", 1690), ("none", 1400)):
        config = loaded(tmp_path, slow.replace("[nodes]", f'gate = "{gate}"\n[nodes]')).config
        assert in_ms(timing_of(config.cluster, config.hooks, config.timing))["hard"] == hard
        assert counts_gate(config.cluster) == (gate != "none")


def test_watchdog_counts_when_there_is_a_device(tmp_path: Path) -> None:
    """The timeout has a default, so it alone says nothing."""
    timed = GOOD.replace("[nodes]", 'timing = "watchdog"\nwatchdog_timeout = "5s"\n[nodes]')
    config = loaded(tmp_path, timed).config
    assert watchdog_ms(config.cluster) == 0
    device = timed.replace("[nodes]", 'watchdog_device = "/dev/watchdog1"\n[nodes]')
    config = loaded(tmp_path, device).config
    assert watchdog_ms(config.cluster) == 5000
    assert in_ms(timing_of(config.cluster, config.hooks, config.timing))["hard"] == 5400


def test_socket_has_the_name_that_clients_expect(tmp_path: Path) -> None:
    """The same as pgpool's, so that its clients find it."""
    assert socket_path(loaded(tmp_path).config.cluster) == "/run/quorumdog/.s.PGPOOLWD_CMD.9000"
