"""A whole cluster in one process: the shipped decisions, in a world that only a seed decides about.

`world` runs rounds of faults (`faults`, `cuts`, `orders`) and healing; `machine` is power, disk and
two processes around the shipped `Node` and `Deadline`; the checkers judge from outside.
`planted` breaks the shipped code to see the checkers bite; `directed` tells what chance does not.
"""
