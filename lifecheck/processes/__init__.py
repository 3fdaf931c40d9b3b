"""The process watch: which processes a check means, that they live, and at once when they do not.

`watch` is the whole of it, seen from outside.  `matching` (with `cgroups`) says whom a rule means,
`pidfds` who lives, `census` how many there are of each, `newcomers` who was born meanwhile;
`procfs` is what the kernel writes of processes.  `accelerators` only make it faster.
"""
