"""nf_tables by raw nfnetlink: bytes of requests and of answers, and the gate's ruleset."""
