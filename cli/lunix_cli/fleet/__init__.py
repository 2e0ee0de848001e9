"""``lunix fleet``: a hub that sees many machines, and a machine that joins one.

    machine: its bus ── leaf node, TLS ──> hub: an account a machine and role ── imports ──> an account an operator

A machine's subjects are bare in its own accounts; the hub alone writes ``host.<name>.`` before them, as it imports them
into the operators' accounts. So no machine can name another's prefix, and none sees more than what is asked of itself.

``members`` and ``hubconf`` decide it, and touch nothing; ``hub`` and ``joined`` keep it in files and tell the servers.
"""

from argparse import Namespace


def run(arguments: Namespace) -> int:
    """Do one verb and return the exit code; raise ``UsageError`` or ``OSError``."""
    from lunix_cli.fleet import verbs  # what `lunix up` asks this package for needs none of it

    return verbs.run(arguments)
