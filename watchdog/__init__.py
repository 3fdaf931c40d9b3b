"""quorumdog: one daemon per node that elects a coordinator and moves a virtual IP.

Rooms: `core` decides, `wire` translates, `shell` talks, `guardian` acts on the machine.
ARCHITECTURE.md is the map; docs/glossary.md has the words.
"""

__version__ = "0.1.0"
