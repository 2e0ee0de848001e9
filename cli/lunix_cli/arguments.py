"""The arguments of ``lunix`` and of each sub-command: names, help and what a mistake is answered with."""

import argparse
from pathlib import Path

from lunix_cli import fleet_arguments
from lunix_cli.completion import SCRIPTS
from lunix_cli.parsing import Commands, Parser
from lunix_cli.script_templates import TEMPLATES
from lunix_cli.verbs import add_role, add_verbs
from lunix_common import __version__

ABOUT = """\
Everything this machine knows and can do, on one bus.

  lunix up                               start it all and watch
  lunix sub 'hardware.>'                 see devices come and go
  lunix pub toast.in 'tea is ready'      show a toast
  lunix request hardware.list '{"subsystem":"net"}'
  lunix subjects                         what there is on the bus
"""
CODES = """\
`lunix COMMAND --help` tells the arguments of each.

exit codes: 0 done; 1 the bus answered with an error, refused, or did not answer in time;
100 wrong usage or configuration; 111 the bus is away or the system refused; 130 ended by Ctrl-C
"""
LEVELS = ("debug", "info", "warning", "error")
INIT_VERBS = {  # how many names each takes, and what it does
    "list": ("", "every service and its state"),
    "status": ("*", "all about these services, or about lunix-init itself"),
    "start": ("+", "start services, and what they need"),
    "stop": ("+", "stop services, and keep them stopped"),
    "restart": ("+", "stop and start services; those that need them stay"),
    "reload": ("*", "have services read their configuration again, or lunix-init its unit files"),
    "reexec": ("", "run lunix-init's program again in place"),
    "logs": ("+", "what services wrote"),
    "usage": ("*", "what services use"),
    "check": ("+", "look for mistakes in directories of units"),
    "graph": ("", "the dependencies, for Graphviz"),
}


def parser() -> Parser:
    """The whole command line. ``module`` in its result names the module whose ``run`` does the work."""
    top = Parser(prog="lunix", description=ABOUT, epilog=CODES, formatter_class=argparse.RawDescriptionHelpFormatter)
    top.add_argument("--version", action="version", version=f"lunix {__version__}")
    commands = top.add_subparsers(metavar="COMMAND", required=True, parser_class=Parser)
    _up(commands)
    _sub(commands)
    _history(commands)
    _pub(commands)
    _request(commands)
    _subjects(commands)
    _env(commands)
    _access(commands)
    _token(commands)
    _fleet(commands)
    _status(commands)
    _script(commands)
    _init(commands)
    _serve(commands)
    _doctor(commands)
    _install(commands)
    _completion(commands)
    return top


def _add(commands: "Commands[Parser]", name: str, text: str, epilog: str = "") -> Parser:
    command = commands.add_parser(
        name,
        help=text,
        description=text[0].upper() + text[1:] + ".",
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.set_defaults(module=name)
    command.add_argument(
        "--state",
        type=Path,
        metavar="DIR",
        help="the directory with keys and the bus's address (default: LUNIX_STATE, else as root /var/lib/lunix, else "
        "~/.local/state/lunix)",
    )
    return command


def _client(commands: "Commands[Parser]", name: str, text: str, epilog: str = "") -> Parser:
    command = _add(commands, name, text, epilog)
    command.add_argument("--bus", metavar="URL", help="where the bus is (default: LUNIX_BUS, else as `lunix up` says)")
    command.add_argument(
        "--role", metavar="ROLE", help="whose key to use (default: NATS_NKEY, else the highest role that you may read)"
    )
    return command


def _up(commands: "Commands[Parser]") -> None:
    command = _add(commands, "up", "start the bus and every daemon that this machine can support, then show events")
    command.add_argument(
        "--port", type=int, metavar="N", help="of the bus; 0 is any free one (default: 4222, else free)"
    )
    command.add_argument("--bus", metavar="URL", help="use this running server instead of starting one")
    _server(command)
    command.add_argument(
        "--trust-bus", action="store_true", default=None, help="serve everyone: for a server without lunix's accounts"
    )
    command.add_argument(
        "--only", type=_names, metavar="A,B", help="only these daemons; one that cannot run is an error then"
    )
    command.add_argument(
        "--no-tail", action="store_true", help="show no events; print one line, `ready`, when all are ready"
    )
    command.add_argument("--log-level", choices=LEVELS, help="of the daemons (default: warning, with --no-tail info)")
    command.add_argument(
        "--nats-websocket",
        type=int,
        nargs="?",
        const=0,
        metavar="PORT",
        help="have nats-server take websockets itself, for NATS clients in browsers (default: any free port)",
    )
    fleet_arguments.own_history(command)


def _server(command: "Parser") -> None:
    command.add_argument(
        "--server",
        choices=("nats-server", "embedded"),
        help="which to start; the embedded one is lunix-bus, for small devices",
    )


def _names(text: str) -> list[str]:
    return [name for name in text.replace(",", " ").split() if name]


def _sub(commands: "Commands[Parser]") -> None:
    command = _client(commands, "sub", "show messages as they arrive", "example: lunix sub 'hardware.usb.*'")
    command.add_argument("subject", nargs="+", metavar="SUBJECT", help="* is one token, a last > all that follow")
    command.add_argument("--json", action="store_true", help="one JSON object a line: subject, time, headers, payload")
    command.add_argument("--headers", action="store_true", help="show each message's headers")
    command.add_argument("--count", type=int, metavar="N", help="end after so many messages")


def _history(commands: "Commands[Parser]") -> None:
    command = _client(
        commands,
        "history",
        "what this machine told before, or those of a fleet, where that is kept",
        "example: lunix history 'host.*.init.service.*.failed' --since 1h",
    )
    command.add_argument("subject", nargs="+", metavar="SUBJECT", help="* is one token, a last > all that follow")
    command.add_argument("--since", metavar="WHEN", help="90s, 15m, 2h, 7d ago or RFC 3339 (default: all that is kept)")
    command.add_argument("--until", metavar="WHEN", help="the same (default: now)")
    command.add_argument("--json", action="store_true", help="as `lunix sub --json`: one JSON object a line")
    command.add_argument("--count", type=int, metavar="N", help="the newest of it, so many")


def _pub(commands: "Commands[Parser]") -> None:
    command = _client(commands, "pub", "publish one message", "example: lunix pub toast.in 'tea is ready'")
    command.add_argument("subject", metavar="SUBJECT")
    command.add_argument("payload", nargs="?", default="", metavar="TEXT|JSON|-", help="- reads standard input")


def _request(commands: "Commands[Parser]") -> None:
    command = _client(
        commands,
        "request",
        "ask, and print the answer",
        """example: lunix request hardware.list '{"subsystem":"net"}'""",
    )
    command.add_argument("subject", metavar="SUBJECT")
    command.add_argument("payload", nargs="?", default="", metavar="JSON|TEXT|-", help="- reads standard input")
    command.add_argument("--timeout", type=float, metavar="S", help="seconds to wait (default: as long as it may take)")


def _subjects(commands: "Commands[Parser]") -> None:
    command = _add(
        commands,
        "subjects",
        "what there is on the bus, and who may",
        "examples: lunix subjects toast   lunix subjects 'hardware.usb.*'   lunix subjects --schema toast.in",
    )
    command.add_argument(
        "only", nargs="*", metavar="WORD", help="only this domain, this daemon, or what this subject takes in"
    )
    form = command.add_mutually_exclusive_group()
    form.add_argument("--schema", metavar="SUBJECT", help="the JSON Schema of this subject's payload")
    form.add_argument("--reply", metavar="SUBJECT", help="the JSON Schema of this request's answer")
    form.add_argument("--asyncapi", action="store_true", help="everything, as an AsyncAPI 3 document")
    form.add_argument("--json", action="store_true", help="the table as JSON")


def _env(commands: "Commands[Parser]") -> None:
    _client(
        commands,
        "env",
        "print what a NATS client needs to know, for a shell",
        'example: eval "$(lunix env --role user)"',
    )


def _access(commands: "Commands[Parser]") -> None:
    command = _add(
        commands,
        "access",
        "who else has a key to the bus: people, bridges, scripts",
        "examples: lunix access add kitchen --role observer   lunix access add anna --role user --owner anna\n"
        '          eval "$(lunix env --role kitchen)"          lunix access remove kitchen',
    )
    verbs = add_verbs(
        command,
        {
            "list": "every identity that is no daemon's",
            "add": "make one, or change its role and grants; print the path of its key",
            "remove": "take one away; who uses it is disconnected",
            "lend": "let a daemon run in somebody's session: its key becomes theirs; without --owner root's again",
        },
    )
    verbs["list"].add_argument("--json", action="store_true", help="as JSON")
    verbs["lend"].add_argument("name", metavar="DAEMON", help="as toast")
    verbs["lend"].add_argument("--owner", metavar="LOGIN", help="whose session it is")
    for verb in ("add", "remove"):
        verbs[verb].add_argument("name", metavar="NAME", help="letters, digits, _ and -")
    add = verbs["add"]
    add_role(add, "what it may", "user")
    add.add_argument(
        "--grant", action="append", default=[], metavar="PATTERN", help="a subject that no role has, as wm.exec"
    )
    add.add_argument("--bridge", action="store_true", help="it speaks for others: init.* and mount.* need a grant, too")
    add.add_argument("--owner", metavar="LOGIN", help="the user of this machine whose key it is (needs root)")


def _token(commands: "Commands[Parser]") -> None:
    command = _add(
        commands,
        "token",
        "who may come in by lunix-websocket: browsers, scripts, Node-RED",
        "examples: lunix token url page   lunix token add desk --role admin --grant init.restart",
    )
    verbs = add_verbs(
        command,
        {
            "list": "every token, its role and its grants",
            "add": "make one, or change its role and grants; print the page's address with it",
            "url": "print the page's address with a token",
            "remove": "take one away; who uses it is sent away",
        },
    )
    verbs["list"].add_argument("--json", action="store_true", help="as JSON")
    verbs["url"].add_argument("name", nargs="?", default="page", metavar="NAME", help="which one (default: page)")
    for verb in ("add", "remove"):
        verbs[verb].add_argument("name", metavar="NAME", help="letters, digits, _ and -")
    add_role(verbs["add"], "what it may", "user")
    verbs["add"].add_argument(
        "--grant", action="append", default=[], metavar="PATTERN", help="as init.restart, or 'init.*' for all"
    )


def _fleet(commands: "Commands[Parser]") -> None:
    fleet_arguments.add(_add(commands, "fleet", "many machines seen from one place", fleet_arguments.EXAMPLES))


def _script(commands: "Commands[Parser]") -> None:
    command = _add(
        commands,
        "script",
        "automations of your own, kept running with a key of their own",
        "examples: lunix script new doorbell   lunix script grant doorbell   lunix script logs -f doorbell",
    )
    verbs = add_verbs(
        command,
        {
            "new": "write one to begin with into the folder of scripts",
            "list": "every script, whether it runs, and why not",
            "grant": "let one use what its header asks for",
            "revoke": "take that back; it is stopped",
            "logs": "what scripts wrote",
        },
    )
    for verb in ("new", "grant", "revoke"):
        verbs[verb].add_argument("name", metavar="NAME")
    verbs["logs"].add_argument("name", nargs="+", metavar="NAME")
    for verb in ("list", "logs"):
        verbs[verb].add_argument("--json", action="store_true", help="as JSON")
    verbs["new"].add_argument(
        "--language", choices=tuple(TEMPLATES), default="python", help="of the script (default: python)"
    )
    verbs["grant"].add_argument("--yes", action="store_true", help="do not ask")
    _log_options(verbs["logs"])


def _log_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("-f", "--follow", action="store_true", help="go on as lines come")
    command.add_argument("-n", "--lines", type=int, default=1000, metavar="N", help="at most so many to begin with")


def _status(commands: "Commands[Parser]") -> None:
    command = _client(commands, "status", "what runs, and what is off and why")
    command.add_argument("--json", action="store_true", help="as JSON")


def _init(commands: "Commands[Parser]") -> None:
    command = _add(
        commands,
        "init",
        "the services that lunix-init keeps; works when the bus is down",
        "examples: lunix init list   lunix init restart toast   lunix init logs -f toast   lunix init check DIR",
    )
    verbs = add_verbs(command, {verb: text for verb, (_takes, text) in INIT_VERBS.items()})
    for verb, one in verbs.items():
        if takes := INIT_VERBS[verb][0]:
            one.add_argument("name", nargs=takes, metavar="DIR" if verb == "check" else "NAME")
        one.add_argument("--run", type=Path, metavar="DIR", help="the run directory of lunix-init")
        one.add_argument("--json", action="store_true", help="as JSON")
    _log_options(verbs["logs"])
    for verb in ("start", "stop", "restart"):
        verbs[verb].add_argument("--no-wait", action="store_true", help="do not wait for the outcome")


def _serve(commands: "Commands[Parser]") -> None:
    command = _add(
        commands,
        "serve",
        "be the bus server, as a service of a supervisor: makes the keys, then becomes nats-server",
        "It tells its readiness by sd_notify.",
    )
    command.add_argument("--port", type=int, default=4222, metavar="N", help="0 is any free one (default: 4222)")
    _server(command)
    command.add_argument("--unix", type=Path, metavar="PATH", help="a unix socket for lunix-bus to listen on too")
    fleet_arguments.own_history(command)


def _doctor(commands: "Commands[Parser]") -> None:
    command = _add(commands, "doctor", "what is missing on this machine, for which daemon, and how to install it")
    command.add_argument("--json", action="store_true", help="as JSON")


def _install(commands: "Commands[Parser]") -> None:
    for name, undo, text in (
        ("install", False, "make lunix a part of this machine: its services, and their users and folders"),
        ("uninstall", True, "undo `lunix install`; what was changed by hand stays, and so do users, keys and settings"),
    ):
        command = _add(commands, name, text, "Says what it does. With --dry-run it does no more than that.")
        command.set_defaults(module="install", undo=undo)
        which = command.add_mutually_exclusive_group(required=True)
        which.add_argument("--systemd", action="store_true", help="as services of systemd, hardened")
        which.add_argument("--init", action="store_true", help="as units of lunix-init, in /etc/lunix/units")
        command.add_argument("--dry-run", action="store_true", help="change nothing")
        command.add_argument("--root", type=Path, metavar="DIR", help="of another machine's files; runs nothing")
        if not undo:
            command.add_argument(
                "--bin", type=Path, metavar="DIR", help="where lunix's programs are (default: beside it)"
            )
            command.add_argument(
                "--vendor", action="store_true", help="into /usr/lib, for a package that knows what belongs to it"
            )


def _completion(commands: "Commands[Parser]") -> None:
    command = _add(
        commands,
        "completion",
        "print the completions for a shell",
        'bash: eval "$(lunix completion bash)"   zsh: eval "$(lunix completion zsh)" after compinit\n'
        "fish: lunix completion fish > ~/.config/fish/completions/lunix.fish",
    )
    command.add_argument("shell", choices=tuple(SCRIPTS))
    # The scripts ask for the words that could stand last on this command line.
    words = commands.add_parser("complete")
    words.add_argument("words", nargs=argparse.REMAINDER)
    words.set_defaults(module="complete")
