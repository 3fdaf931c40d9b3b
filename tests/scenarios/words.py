"""What the effects of a node mean, as the lines of a story.

Shown are changes of state, notes, alarms, replies, exits, what goes to the guardian and the rare
messages; rounds, grants and greetings only where a story asks for them with `show`.
"""

from typing import Final, assert_never

from watchdog.core import effects as fx
from watchdog.core.messages import (
    Beacon,
    Grant,
    Message,
    Nack,
    PreVote,
    PreVoteReply,
    Ready,
    Release,
    ResignReply,
    ResignRequest,
    Transfer,
    Vote,
)

RARE: Final = {"Vote", "Nack", "Release", "Transfer", "Ready", "ResignRequest", "ResignReply"}


def words(effect: fx.Effect, shown: set[str]) -> str:
    """One line, or "" for an effect that the story does not show."""
    match effect:
        case fx.Send(peer, message):
            kind = type(message).__name__
            return f"-> {peer}  {said(message)}" if kind in RARE | shown else ""
        case fx.StateChanged(old, new, trigger, _, _, coordinator):
            return f"{old} => {new} ({trigger}; coordinator {coordinator})"
        case fx.Note(name, fields):
            return f"{name} " + " ".join(f"{key}={value}" for key, value in fields)
        case fx.Alarm(name, text):
            return f"ALARM {name}: {text}"
        case fx.Reply(_, ok, text):
            return f"reply {'ok' if ok else 'refused'}: {text}"
        case fx.Exit(code, why):
            return f"exit {code}: {why}"
        case fx.Escalate(n, no, epoch):
            return f"Escalate n={n} tenure={no} epoch={epoch}"
        case fx.Deescalate(n, why):
            return f"Deescalate n={n} ({why})"
        case fx.Save() | fx.OpenRound() | fx.Extend() | fx.ArmWill() | fx.ProbeVip():
            return _plain(effect, shown)
        case fx.CheckReady() | fx.CloseLink() | fx.Reannounce():
            return _plain(effect, shown)
        case _:
            assert_never(effect)


def _plain(effect: fx.Effect, shown: set[str]) -> str:
    return type(effect).__name__ if type(effect).__name__ in shown else ""


def said(message: Message) -> str:
    """A message in one line."""
    match message:
        case Vote(term, tenure, number):
            return f"Vote term={term} tenure={tenure.no} round={number}"
        case Beacon(term, tenure, number):
            return f"Beacon term={term} tenure={tenure.no} round={number}"
        case Grant(term, tenure, number, _, _, is_vote):
            return f"Grant term={term} {tenure.node}/{tenure.no} round={number} vote={is_vote}"
        case Nack(term, leading, reason):
            return f"Nack term={term} leading={leading} ({reason})"
        case Release(tenure, _, successor, gone, was_on):
            which = "all" if gone else str(tenure.no)
            return f"Release tenure={which} successor={successor} was_on={was_on}"
        case Transfer(tenure):
            return f"Transfer tenure={tenure.no}"
        case Ready(_, ok, reason):
            return f"Ready {'ok' if ok else reason}"
        case ResignRequest(_, target, reason, by_verdict):
            return f"ResignRequest target={target} by_verdict={by_verdict} ({reason})"
        case ResignReply(_, ok, reason):
            return f"ResignReply ok={ok} ({reason})"
        case PreVote(_, next_term):
            return f"PreVote term={next_term}"
        case PreVoteReply(_, ok, term, reason):
            return f"PreVoteReply ok={ok} term={term} {reason}"
        case _:
            return type(message).__name__
