"""The one error of the wire: a peer said something that it must not say.

It names the peer and the fault, so that whoever counts it can say who, what and where; the frame
is dropped, the connection may be closed, and this node lives on.
"""


class ProtocolError(Exception):
    """Bytes of `peer` that break the protocol; `what` says which rule, in words for a log line."""

    def __init__(self, peer: str, what: str) -> None:
        """Blame `peer` (a member's name, or an address before it has one) for `what`."""
        super().__init__(f"{peer}: {what}")
        self.peer = peer
        self.what = what
