"""The arguments of ``lunix fleet``; apart from its package, which is loaded when one of its verbs is meant."""

import argparse
import re
from pathlib import Path

from lunix_cli import moments
from lunix_cli.verbs import add_role, add_verbs

EXAMPLES = """\
on the hub:      lunix fleet hub --name hub.example
                 lunix fleet add box1 -o box1.json
                 lunix fleet operator anna --role user -o anna.json
on box1:         lunix fleet join tls://hub.example box1.json
where anna is:   eval "$(lunix fleet login tls://hub.example anna.json)"
                 lunix sub 'host.*.hardware.usb.*'
"""
_POWERS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_VERBS = {
    "hub": "be the hub: makes keys, certificate and configuration, then becomes nats-server",
    "add": "on the hub: let a machine join; writes the credential that it needs, once",
    "operator": "on the hub: let somebody see and command the machines; writes the credential, once",
    "remove": "on the hub: cut a machine or an operator off, at once and for good",
    "list": "on the hub: its machines and operators, and who is connected",
    "join": "on a machine: belong to a fleet; a bus that runs connects at once",
    "leave": "on a machine: belong to none any more",
    "status": "on a machine: which fleet it belongs to",
    "login": "as an operator: keep the credential, and print the environment for a shell",
}


def add(command: argparse.ArgumentParser) -> None:
    """Give the command its verbs."""
    parsers = add_verbs(command, _VERBS)
    for verb in ("list", "status"):
        parsers[verb].add_argument("--json", action="store_true", help="as JSON")
    _hub(parsers["hub"])
    for verb, most in (("add", "what operators may at most be there"), ("operator", "what they may")):
        parsers[verb].add_argument("name", metavar="NAME", help="its hostname" if verb == "add" else "who")
        add_role(parsers[verb], most, "observer")
        parsers[verb].add_argument("-o", "--output", type=Path, metavar="FILE", help="a new file (default: print it)")
    parsers["operator"].add_argument("--machine", action="append", default=[], metavar="NAME", help="only there")
    for verb in ("operator", "join"):
        parsers[verb].add_argument("--grant", action="append", default=[], metavar="PATTERN", help="as init.restart")
    parsers["remove"].add_argument("name", metavar="NAME")
    parsers["remove"].add_argument("--operator", action="store_true", help="an operator, and not a machine")
    for verb in ("join", "login"):
        parsers[verb].add_argument("url", metavar="URL", help="of the hub: tls://HOST or tls://HOST:PORT")
        parsers[verb].add_argument("file", type=Path, metavar="FILE", help="the credential; - is standard input")
    add_role(parsers["join"], "what you allow the hub's operators to be here", "observer")


def _hub(parser: argparse.ArgumentParser) -> None:
    again = "What is given is kept for the next start."
    parser.epilog = again
    parser.add_argument("--host", metavar="ADDRESS", help="where it listens (default: everywhere)")
    parser.add_argument("--port", type=int, metavar="N", help="for operators (default: 4223)")
    parser.add_argument("--leaf-port", type=int, metavar="N", help="for machines (default: 7422)")
    parser.add_argument(
        "--name", dest="names", action="append", metavar="HOST", help="a host or address by which others reach it"
    )
    parser.add_argument("--cert", metavar="FILE", help="a certificate (PEM) for it; without one it makes its own")
    parser.add_argument("--key", metavar="FILE", help="its private key")
    parser.add_argument(
        "--ping", dest="ping_s", type=int, metavar="S", help="ask this often whether machines are there (default: 20)"
    )
    parser.add_argument(
        "--history",
        nargs="?",
        type=Path,
        const=Path(),
        metavar="DIR",
        help="keep the machines' events for `lunix history` (default: in the hub's directory)",
    )
    parser.add_argument("--no-history", dest="history", action="store_const", const=False, help="keep none from now on")
    bounds(parser)


def own_history(parser: argparse.ArgumentParser) -> None:
    """What ``lunix up`` and ``lunix serve`` take for a history of this machine."""
    parser.add_argument(
        "--history",
        action="store_true",
        default=None,
        help="keep events for `lunix history`, below the state directory",
    )
    bounds(parser)


def bounds(parser: argparse.ArgumentParser) -> None:
    """How much is kept of a history."""
    parser.add_argument("--history-max-bytes", type=_bytes, metavar="N", help="in all, as 500M (default: 1G)")
    parser.add_argument(
        "--history-max-age",
        dest="history_max_age_s",
        type=_seconds,
        metavar="AGE",
        help="in s, m, h or d (default: 30d)",
    )


def _bytes(text: str) -> int:
    found = re.fullmatch(r"([0-9]{1,15})([kMGT]?)", text)
    if found is None or not (number := int(found[1])):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of bytes: write 500M")
    return number * _POWERS[found[2]]


def _seconds(text: str) -> int:
    try:
        return int(moments.age(text).total_seconds())
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
