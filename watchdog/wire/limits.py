"""How much a long payload may hold, counted before anything is built from it.

An empty array is one byte on the wire and seventy in memory, so a frame full of them would cost
megabytes.  A short payload needs no count: it cannot hold more elements than it has bytes, and
what it nests stays small because `codec` lets no array be long.  Sizes of the tokens are those of
the msgpack format specification.
"""

from typing import Final

SHORT_SIZE: Final = 1024
"""Up to here nothing is counted: ordinary messages are shorter, and so cost nothing extra."""
ELEMENTS_MAX: Final = 1024
DEPTH_MAX: Final = 8

_SCALARS: Final = (
    dict.fromkeys([*range(0x80), 0xC0, 0xC2, 0xC3, *range(0xE0, 0x100)], 0)
    | {0xA0 + size: size for size in range(32)}
    | {0xCA: 4, 0xCB: 8, 0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8, 0xD0: 1, 0xD1: 2, 0xD2: 4, 0xD3: 8}
    | {0xD4: 2, 0xD5: 3, 0xD6: 5, 0xD7: 9, 0xD8: 17}
)
"""First byte -> bytes of data that follow it."""
_FIXED: Final = {0x80 + pairs: 2 * pairs for pairs in range(16)} | {
    0x90 + items: items for items in range(16)
}
"""First byte -> items of the map (a key and a value each) or array."""
_BLOBS: Final = (
    {0xC4: (1, 0), 0xC5: (2, 0), 0xC6: (4, 0)}
    | {0xC7: (1, 1), 0xC8: (2, 1), 0xC9: (4, 1)}
    | {0xD9: (1, 0), 0xDA: (2, 0), 0xDB: (4, 0)}
)
"""First byte -> bytes of the length of the data, and of the type beside it."""
_CONTAINERS: Final = {0xDC: (2, 1), 0xDD: (4, 1), 0xDE: (2, 2), 0xDF: (4, 2)}
"""First byte -> bytes of the count, and items per count."""


def check_limits(payload: bytes) -> None:
    """Raise ValueError when `payload` holds more than ELEMENTS_MAX elements or nests too deep.

    Stops without a word where the bytes end or are no msgpack: the parser, which then has at most
    as many elements to build as were counted, says so better.
    """
    missing = [1]  # items still to come of every open container; the first is the payload
    at = 0
    for _ in range(ELEMENTS_MAX):
        if at >= len(payload) or (token := _read_token(payload, at)) is None:
            return
        at, items = token
        missing[-1] -= 1
        if items:
            missing.append(items)
        if len(missing) > DEPTH_MAX + 1:
            raise ValueError(f"nested deeper than {DEPTH_MAX}")
        while not missing[-1]:
            missing.pop()
            if not missing:
                return
    raise ValueError(f"more than {ELEMENTS_MAX} elements")


def _read_token(payload: bytes, at: int) -> tuple[int, int] | None:
    """Where the next token begins, and how many items belong to this one."""
    first = payload[at]
    at += 1
    if (size := _SCALARS.get(first)) is not None:
        return at + size, 0
    if (items := _FIXED.get(first)) is not None:
        return at, items
    if (blob := _BLOBS.get(first)) is not None:
        length_size, type_size = blob
        length = int.from_bytes(payload[at : at + length_size], "big")
        return at + length_size + type_size + length, 0
    if (container := _CONTAINERS.get(first)) is not None:
        count_size, items_each = container
        count = int.from_bytes(payload[at : at + count_size], "big")
        return at + count_size, count * items_each
    return None
