"""What goes into the guardian's `Deadline` (inputs) and what comes out of it (actions).

Pure data. Inputs are facts in the past tense, actions are imperatives performed in order by
`guardian.main` (and by the simulator's machine).  Contract for whoever performs them: the answer
to an action is a step of its own, with the clock read *after* the act; answers come in the order
of the acts; a HookExited comes before the HooksKilled that covers it.
"""

from enum import Enum
from typing import NamedTuple

from watchdog.guardian_protocol import ArmWill, Notify, ToGuardian, ToNode
from watchdog.instant import Instant


class HookKind(Enum):
    """The hooks whose order and bounds the deadline decides (state_change is not among them)."""

    ESCALATION = "escalation"
    DE_ESCALATION = "de_escalation"


class Ledger(NamedTuple):
    """The guardian's own durable record. `dirty`: a de-escalation hook is owed."""

    last_epoch: int
    dirty: bool


# --- inputs


class Started(NamedTuple):
    """The first input: the locks are held and no node process of ours is alive."""


class Ticked(NamedTuple):
    """The timer at `next_deadline` fired (early or late is both fine)."""


class Stalled(NamedTuple):
    """As Ticked, but much too late: nobody let the guardian run; `stolen_ms`: its hypervisor."""

    late_ms: int
    stolen_ms: int


class FromNode(NamedTuple):
    """A packet of the node process."""

    packet: ToGuardian


class NodeStarted(NamedTuple):
    """Answer to StartNode: the process exists. When it could not be made: NodeExited alone."""


class NodeClosed(NamedTuple):
    """The node's end of the socketpair is closed, or it wrote what is no packet."""

    why: str


class NodeExited(NamedTuple):
    """The pidfd says so: the process is gone (`code` negative: by that signal)."""

    code: int


class LedgerSaved(NamedTuple):
    """Answer to SaveLedger."""

    ok: bool
    why: str


class VipsAdded(NamedTuple):
    """Answer to AddVips and RefreshVips: all of them, or `why` not (then none was left added)."""

    ok: bool
    why: str


class VipsRemoved(NamedTuple):
    """Answer to RemoveVips: `ok` when they were read back absent from every interface."""

    ok: bool
    why: str


class HookExited(NamedTuple):
    """The first process of a hook ended, or could not be started."""

    kind: HookKind
    ok: bool
    detail: str


class HooksKilled(NamedTuple):
    """Answer to KillHooks `ticket`, given once nothing of the hooks is left alive."""

    ticket: int


class HooksChecked(NamedTuple):
    """Answer to CheckHooks."""

    rid: int
    ok: bool
    reason: str


class VipsProbed(NamedTuple):
    """Answer to ProbeVips."""

    rid: int
    answered: bool
    detail: str


class TicketOpened(NamedTuple):
    """Answer to OpenTicket, one to each and in their order; the kernel has it, if `ok`."""

    no: int
    round: int
    ok: bool
    why: str


class GateArmed(NamedTuple):
    """Answer to ArmGate; not `ok`: that ticket had expired, and what was armed lives on."""

    no: int
    round: int
    ok: bool
    why: str


class GateChecked(NamedTuple):
    """The gate was found gone: it was made anew, closed (`ok`), or cannot be made."""

    ok: bool
    why: str


class MachineChecked(NamedTuple):
    """Answer to CheckMachine: how many of the VIPs are on interfaces here, and how many not."""

    present: int
    absent: int


class SentinelLost(NamedTuple):
    """The process that would act in our place is gone."""

    why: str


class WatchdogFailed(NamedTuple):
    """The hardware watchdog could not be armed or petted."""

    why: str


class VipClaimed(NamedTuple):
    """Another machine said that a VIP is its own."""

    detail: str


class StopRequested(NamedTuple):
    """SIGTERM: stop in good order; said twice: kill the node process."""


Input = (
    Started
    | Ticked
    | Stalled
    | FromNode
    | NodeStarted
    | NodeClosed
    | NodeExited
    | LedgerSaved
    | VipsAdded
    | VipsRemoved
    | HookExited
    | HooksKilled
    | HooksChecked
    | VipsProbed
    | TicketOpened
    | GateArmed
    | GateChecked
    | MachineChecked
    | SentinelLost
    | WatchdogFailed
    | VipClaimed
    | StopRequested
)


# --- actions


class Tell(NamedTuple):
    """Write a packet to the node process, before the next of its packets is read."""

    packet: ToNode


class SaveLedger(NamedTuple):
    """Make the record durable without stopping the loop; at most one is in flight."""

    ledger: Ledger


class OpenTicket(NamedTuple):
    """Have the kernel hold a ticket for this round, for so long: it may arm the gate once."""

    no: int
    round: int
    timeout_ns: int


class ArmGate(NamedTuple):
    """Let VIP traffic pass for so long from now, by spending the ticket of this round."""

    no: int
    round: int
    timeout_ns: int


class CloseGate(NamedTuple):
    """Let no VIP traffic pass, and void all tickets; what is in the way lapses by itself."""


class CheckMachine(NamedTuple):
    """Look at what is really on this machine."""


class WatchClaim(NamedTuple):
    """Tell the sentinel: off at `s` + hard - slack, unless told otherwise."""

    s: Instant
    hard_ns: int


class UnwatchClaim(NamedTuple):
    """Tell the sentinel that all is confirmed off."""


class PetWatchdog(NamedTuple):
    """Put the hardware's reset off once more; the first one arms it."""


class CloseWatchdog(NamedTuple):
    """Disarm the hardware watchdog: all is confirmed off."""


class Fence(NamedTuple):
    """Reset this machine (`watchdog`: by not petting, `sysrq`: at once): it could not go off."""

    how: str


class AddVips(NamedTuple):
    """Add all VIPs, with this lifetime as a backstop."""

    lifetime_s: int


class RefreshVips(NamedTuple):
    """Renew the lifetime of all VIPs."""

    lifetime_s: int


class RemoveVips(NamedTuple):
    """Remove all VIPs from every interface, and read back."""


class Announce(NamedTuple):
    """Tell the neighbourhood that the VIPs are here."""


class StartHook(NamedTuple):
    """Start a hook; `bound_ns` is told to it, the deadline itself enforces it."""

    kind: HookKind
    epoch: int
    bound_ns: int
    reason: str


class KillHooks(NamedTuple):
    """SIGKILL everything that hooks left or are running, and reap it; may be repeated."""

    ticket: int


class CheckHooks(NamedTuple):
    """Look at the hook files."""

    rid: int


class ProbeVips(NamedTuple):
    """Ask the network for the VIPs."""

    rid: int
    duration_ms: int


class RunNotify(NamedTuple):
    """Run the state_change hook, if there is one, off the path of everything else."""

    packet: Notify
    event: str = "state_change"


class SendWill(NamedTuple):
    """Send one copy of the sealed will to every peer."""

    will: ArmWill


class StartNode(NamedTuple):
    """Start a node process with a fresh socketpair."""


class KillNode(NamedTuple):
    """SIGKILL the node process; NodeExited follows."""

    why: str


class TerminateNode(NamedTuple):
    """SIGTERM the node process: it resigns, releases and exits."""


class Log(NamedTuple):
    """Something an operator would want in the log (`name` is the event= of the line)."""

    name: str
    text: str


class Alarm(NamedTuple):
    """Something an operator must look at."""

    name: str
    text: str


class Exit(NamedTuple):
    """End the guardian. The last action ever."""

    code: int
    why: str


Action = (
    Tell
    | SaveLedger
    | OpenTicket
    | ArmGate
    | CloseGate
    | CheckMachine
    | WatchClaim
    | UnwatchClaim
    | PetWatchdog
    | CloseWatchdog
    | Fence
    | AddVips
    | RefreshVips
    | RemoveVips
    | Announce
    | StartHook
    | KillHooks
    | CheckHooks
    | ProbeVips
    | RunNotify
    | SendWill
    | StartNode
    | KillNode
    | TerminateNode
    | Log
    | Alarm
    | Exit
)
