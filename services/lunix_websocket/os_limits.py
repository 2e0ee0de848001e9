"""Open files: the usual soft limit of 1 024 would be less than a thousand clients and ourselves need."""

import resource

WANTED = 65536


def raise_open_files() -> int:
    """Take as many as the hard limit allows, as getrlimit(2) suggests, and return how many may be open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = WANTED if hard == resource.RLIM_INFINITY else min(hard, WANTED)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        return wanted
    return soft
