"""What corosync and Pacemaker are told, and how they say that all is well."""

from bench.peers import pacemaker

ADDRESSES = {"alpha": "10.77.0.11", "beta": "10.77.0.12", "gamma": "10.77.0.13"}
NODE = '<node name="{}" online="{}" pending="false"/>'
RESOURCE = '<resource id="{}" role="{}" active="true" failed="{}"/>'


def _monitor(online: str = "true", failed: str = "false", role: str = "Started") -> str:
    nodes = [NODE.format(name, "true") for name in ("alpha", "beta")]
    ours = [RESOURCE.format("service", "Started", "false") for _ in ADDRESSES]
    nodes.append(NODE.format("gamma", online))
    ours.append(RESOURCE.format("vip", role, failed))
    inner = f"<nodes>{''.join(nodes)}</nodes><resources>{''.join(ours)}</resources>"
    return f"<pacemaker-result>{inner}</pacemaker-result>"


def test_pacemaker_is_well_when_all_is_there() -> None:
    """Three nodes, three answering processes and one VIP."""
    assert pacemaker.is_well(_monitor())


def test_pacemaker_is_not_well_when_anything_is_missing() -> None:
    """A fault done too early would be charged with what came before."""
    assert not pacemaker.is_well(_monitor(online="false"))
    assert not pacemaker.is_well(_monitor(failed="true"))
    assert not pacemaker.is_well(_monitor(role="Stopped"))


def test_corosync_is_told_its_token() -> None:
    """That is what the variants differ in, and the nodes have the names of the laboratory."""
    conf = pacemaker.corosync_conf(ADDRESSES, pacemaker.TUNED)
    assert "token: 300\n" in conf
    assert conf.count("ring0_addr") == 3
    assert "name: gamma\n    nodeid: 3\n" in conf


def test_fencing_is_off_and_said() -> None:
    """Three namespaces have no power switch."""
    assert pacemaker.OPTIONS == {"stonith-enabled": "false", "no-quorum-policy": "stop"}
