"""The list of kinds is complete, and no key means two things."""

from typing import get_args

from watchdog.config.check_schema import (
    KIND_KEYS,
    KINDS,
    RHYTHMS,
    CheckOptions,
    Pace,
    ProbeKind,
)


def test_every_kind_can_be_named_and_has_a_pace() -> None:
    """A kind that one table forgets would only be found by its first user."""
    assert set(KINDS) == set(RHYTHMS) == set(KIND_KEYS.values())
    assert set(get_args(ProbeKind.model_fields["kind"].annotation)) == set(KINDS)
    assert all(rhythm.timeout <= rhythm.every for rhythm in RHYTHMS.values())


def test_kind_of_an_inline_probe_follows_from_exactly_one_key() -> None:
    """Each kind has its own."""
    for kind, model in KINDS.items():
        assert kind in model.model_fields
        assert [KIND_KEYS[key] for key in model.model_fields if key in KIND_KEYS] == [kind] * (
            4 if kind == "process" else 1
        )


def test_no_key_belongs_to_two_of_check_pace_and_kind() -> None:
    """Inline, all three stand side by side in one table."""
    own, pace = set(CheckOptions.model_fields), set(Pace.model_fields)
    kinds = {key for model in KINDS.values() for key in model.model_fields}
    assert not own & pace
    assert not (own | pace | {"probe", "kind"}) & kinds
