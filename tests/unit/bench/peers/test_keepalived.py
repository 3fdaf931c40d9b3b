"""What keepalived is told."""

from bench.peers import keepalived
from bench.peers.stage import NODES


def test_keepalived_is_told_its_adverts() -> None:
    """Each node has a priority of its own, or they would all stand at once."""
    texts = [keepalived.text(node, "c", "l", keepalived.TUNED) for node in NODES]
    assert all("advert_int 0.1\n" in text for text in texts)
    assert len({text.split("priority ")[1].split()[0] for text in texts}) == 3
