"""One full and one bare message of every kind, for whoever tests bytes.

The full ones are frozen in tests/compatibility: never change one, add another.
"""

from typing import Final

from watchdog.core.effects import HardState
from watchdog.core.messages import (
    GONE_NO,
    Beacon,
    Grant,
    Hello,
    Message,
    Nack,
    PreVote,
    PreVoteReply,
    Ready,
    Release,
    ResignReply,
    ResignRequest,
    StateReply,
    StateRequest,
    Tenure,
    Transfer,
    Vote,
)
from watchdog.instant import Instant

INC: Final = bytes(range(16))
OTHER_INC: Final = bytes(range(16, 32))
CLUSTER_ID: Final = bytes(range(100, 132))
DIGEST: Final = bytes(range(200, 232))
AUTHKEY: Final = bytes(range(64, 96))
NONCE: Final = bytes(range(12))
TERM: Final = 1_770_000_000_123
TENURE: Final = Tenure("alpha", INC, 7)
SENT: Final = Instant(123_456_789_012_345, 123_456_700_000_000)

FULL: Final[tuple[Message, ...]] = (
    Hello(
        inc=INC,
        cluster_id=CLUSTER_ID,
        proto=1,
        digest=DIGEST,
        seq=12,
        hard_ms=1200,
        promise_ms=1250,
        priority=100,
        witness=False,
        eligible=True,
        standing_down=False,
        quorum_connected=True,
        state="STANDBY",
        leader="beta",
        term=TERM,
        healthy=True,
        verdicts=("gamma",),
        alarms=("clock: rate of gamma is off by 0.6 %",),
        config_digests=(("cluster", bytes(8)), ("timing", bytes(range(8)))),
        unfit="upstream: none of 2 targets answers",
        vetoed=True,
        unwatched=True,
    ),
    PreVote(rid=1, next_term=TERM + 1, tenure=TENURE, priority=100, hard_ms=1200, digest=DIGEST),
    PreVoteReply(rid=1, ok=False, term=TERM, reason="promise", retry_ms=640),
    Vote(
        term=TERM + 1,
        tenure=TENURE,
        round=1,
        sent=SENT,
        hard_ms=1200,
        digest=DIGEST,
        transfer=Tenure("beta", OTHER_INC, 3),
    ),
    Beacon(
        term=TERM,
        tenure=TENURE,
        round=4321,
        sent=SENT,
        hard_ms=1200,
        digest=DIGEST,
        epoch=TERM - 5,
    ),
    Grant(term=TERM, tenure=TENURE, round=4321, sent=SENT, voter_inc=OTHER_INC, is_vote=False),
    Nack(term=TERM + 2, leading=True, reason="promise to gamma"),
    Release(tenure=Tenure("alpha", INC, GONE_NO), term=TERM, successor="beta", gone=True),
    Transfer(tenure=TENURE),
    Ready(tenure=TENURE, ok=False, reason="hook /etc/quorumdog/up.sh is world-writable"),
    ResignRequest(rid=9, target="beta", reason="änderung", by_verdict=False),
    ResignReply(rid=9, ok=True, reason=""),
    StateRequest(rid=10, seq=11),
    StateReply(
        rid=10,
        inc=OTHER_INC,
        seq=44,
        term=TERM,
        max_promise_ms=7200,
        amnesiac=False,
        digest=DIGEST,
        wall_ms=TERM + 90,
        remembered_seq=11,
    ),
)
"""In the order of their numbers."""

BARE: Final[tuple[Message, ...]] = (
    Hello(
        inc=INC,
        cluster_id=CLUSTER_ID,
        proto=1,
        digest=DIGEST,
        seq=0,
        hard_ms=0,
        promise_ms=0,
        priority=0,
        witness=True,
        eligible=False,
        standing_down=False,
        quorum_connected=False,
        state="LOADING",
        leader=None,
        term=0,
        healthy=False,
    ),
    Vote(term=1, tenure=TENURE, round=1, sent=Instant(0, 0), hard_ms=0, digest=DIGEST),
    Release(tenure=TENURE, term=0, successor=None, gone=False),
    ResignRequest(rid=0, target=None, reason="", by_verdict=True),
)
"""Every field that may be empty or nil is."""

RECORD: Final = HardState(
    seq=44,
    term=TERM,
    voted_for="beta",
    max_promise_ms=1250,
    digest=DIGEST,
    members=(("alpha", 2), ("beta", 3), ("gamma", 2)),
    old_members=(("alpha", 1), ("delta", 1)),
)
