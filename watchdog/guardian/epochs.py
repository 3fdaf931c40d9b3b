"""Which epochs may still be claimed: the last one asked for, whose it is, and what is on disk.

Pure; part of `holding`.  Nothing goes on before its epoch is durable, so that no later guardian on
this machine lets an older tenure in; `is_dirty` says that a de-escalation hook is owed.  At most
one save is in flight, and one that fails leaves nothing that is believed to be durable.
"""

from watchdog.guardian import actions as act


class Epochs:
    """`last_no` is the number of the tenure that the last epoch belongs to, in this incarnation."""

    def __init__(self, ledger: act.Ledger) -> None:
        self.last = ledger.last_epoch
        self.last_no: int | None = None
        self.is_dirty = ledger.dirty
        self.durable: act.Ledger | None = ledger
        self.saving: act.Ledger | None = None

    def fault(self, epoch: int, no: int) -> str:
        """Why a tenure may not claim `epoch`; empty when it may."""
        if epoch < self.last:
            return f"epoch {epoch} is below the last one, {self.last}"
        if epoch == self.last and no != self.last_no:
            return f"epoch {epoch} belongs to another tenure"
        return ""

    def claim(self, epoch: int, no: int, *, owes_hook: bool) -> None:
        """The tenure numbered `no` claims `epoch`."""
        self.last, self.last_no = epoch, no
        self.is_dirty = self.is_dirty or owes_hook

    @property
    def _wanted(self) -> act.Ledger:
        return act.Ledger(self.last, self.is_dirty)

    @property
    def is_durable(self) -> bool:
        """Whether the record says it all, and no older one is on its way over it."""
        return self.saving is None and self.durable == self._wanted

    def save(self) -> list[act.Action]:
        """Make the record durable if it is not, and if no save is in flight."""
        if self.saving is not None or self.durable == self._wanted:
            return []
        self.saving = self._wanted
        return [act.SaveLedger(self._wanted)]

    def saved(self, *, ok: bool) -> list[act.Action]:
        """The save that was in flight has ended; what changed meanwhile is the next one."""
        assert self.saving, "a save that nobody asked for"
        self.durable, self.saving = (self.saving if ok else None), None
        return self.save() if ok else []
