"""Run the core tests of the public suite of nats.py against nats-server and against lunix-bus, and compare.

    git clone https://github.com/nats-io/nats.py /tmp/nats.py
    .venv/bin/python tests/oracles/nats_py.py /tmp/nats.py

JetStream, clusters, websockets and operator JWTs are beyond a server for one small device, and left out.

Some tests allow 10 ms for an answer (``test_connect_after_close``) or a second for a server to come back
(``test_failed_reconnect_removes_servers``). Neither depends on the order: on a machine that others keep busy they fail
now and then, and with ``nice -n -20`` before the command they do not.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

HERE = Path(__file__).resolve().parent
FILES = ("test_client.py", "test_client_nkeys.py", "test_micro_service.py", "test_parser.py", "test_nuid.py")
LEFT_OUT = "not (Cluster or JWT)"
MONITORING = ("ClientTest::test_publish", "ClientTest::test_subscribe", "ClientTest::test_unsubscribe")
"""They look at nats-server's counters by HTTP, which lunix-bus has none of."""
_OUTCOME = re.compile(r"^(\S+::\S+) (PASSED|FAILED|ERROR|SKIPPED)", re.MULTILINE)


def outcomes(suite: Path, server: str) -> dict[str, str]:
    """What became of each test with this program as ``nats-server``."""
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder, "nats-server")
        program.write_text(f'#!/bin/sh\nexec {server} "$@"\n')
        program.chmod(0o755)
        # Its clock counts milliseconds, and a round trip of none of them is a failure (``test_rtt``).
        Path(folder, "uvloop.py").write_text('raise ImportError("the tests run on the loop of asyncio")\n')
        paths = [folder, str(suite / "nats"), str(suite / "nats" / "src")]
        env = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "PYTHONPATH": ":".join(paths)}
        words = [sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider", "-c", os.devnull]
        words += ["--rootdir", str(suite)]
        files = [f"nats/tests/{name}" for name in FILES]
        # In a network of its own it does not meet another server on the standard port.
        own = ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$0" "$@"'] if os.geteuid() == 0 else []
        done = subprocess.run(
            [*own, *words, "-k", LEFT_OUT, *files], cwd=suite, env=env, capture_output=True, text=True, check=False
        )
        found = dict(_OUTCOME.findall(done.stdout))
        if not found:
            raise SystemExit(done.stdout + done.stderr)
        return found


def main() -> int:
    suite = Path(sys.argv[1]).resolve()
    real = shutil.which("nats-server", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    servers: Mapping[str, str] = {"nats-server": str(real), "lunix-bus": f"{sys.executable} {HERE / 'stand_in.py'}"}
    found = {name: outcomes(suite, command) for name, command in servers.items()}
    passed = {test for test, outcome in found["nats-server"].items() if outcome == "PASSED"}
    expected = {test for test in passed if not test.endswith(MONITORING)}
    missing = sorted(test for test in expected if found["lunix-bus"].get(test) != "PASSED")
    for test in missing:
        sys.stdout.write(f"passes on nats-server alone: {test}\n")
    tried, both = len(found["nats-server"]), len(expected) - len(missing)
    sys.stdout.write(f"{len(expected)} of {tried} tests pass on nats-server, {both} of these on lunix-bus\n")
    return bool(missing)


if __name__ == "__main__":
    sys.exit(main())
