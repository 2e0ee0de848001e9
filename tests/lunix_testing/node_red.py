"""The real Node-RED, headless, with one flow on a free port."""

import json
import os
import subprocess
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from lunix_testing import npm
from lunix_testing.ports import free_port
from lunix_testing.tree import ROOT

VERSION = "4.1"
DEADLINE = 60.0
FLOWS = ROOT / "examples" / "node-red"

_SETTINGS = """module.exports = {
    uiHost: "127.0.0.1", disableEditor: %s, credentialSecret: false, editorTheme: { tours: false },
    telemetry: { enabled: false, updateNotification: false },
    logging: { console: { level: "info", metrics: false, audit: false } }, diagnostics: { enabled: false },
};
"""


@dataclass
class NodeRed:
    """It runs."""

    port: int
    log: list[str] = field(default_factory=list[str])

    def __post_init__(self) -> None:
        self.news = threading.Condition()

    def wait_for_log(self, text: str) -> str:
        """Wait for a line that contains ``text``."""
        with self.news:
            seen = self.news.wait_for(lambda: any(text in line for line in self.log), DEADLINE)
        assert seen, f"{text!r} is not in " + "\n".join(self.log)
        return next(line for line in self.log if text in line)


def flow(name: str) -> list[dict[str, Any]]:
    """The nodes of an example."""
    nodes: list[dict[str, Any]] = json.loads((FLOWS / f"{name}.json").read_text(encoding="utf-8"))
    return nodes


def joined(*names: str) -> list[dict[str, Any]]:
    """The nodes of several examples, each a tab ``<name>-flow``; all share one broker, as who imports them has it."""
    found: list[dict[str, Any]] = []
    for name in names:
        ids = {node["id"]: f"{name}-{node['id']}" for node in flow(name)} | {"broker": "broker"}
        for node in flow(name):
            if node["type"] == "mqtt-broker" and any(one["id"] == "broker" for one in found):
                continue
            moved: dict[str, Any] = {**node, "id": ids[node["id"]]}
            moved |= {key: ids[node[key]] for key in ("z", "broker") if node.get(key) in ids}
            if "wires" in node:
                moved["wires"] = [[ids[one] for one in wires] for wires in node["wires"]]
            found.append(moved)
    return found


@contextmanager
def running(
    cache: pytest.Cache, folder: Path, nodes: list[dict[str, Any]], broker_port: int, *, editor: bool = False
) -> Generator[NodeRed]:
    """Node-RED with these nodes, whose broker is on this port; returns when it has connected."""
    red = npm.installed(cache, "node-red", VERSION) / "node-red" / "red.js"
    folder.mkdir()
    nodes = [
        node | ({"port": str(broker_port), "broker": "127.0.0.1"} if node["type"] == "mqtt-broker" else {})
        for node in nodes
    ]
    (folder / "flows.json").write_text(json.dumps(nodes), encoding="utf-8")
    (folder / "settings.js").write_text(_SETTINGS % ("false" if editor else "true"), encoding="ascii")
    port = free_port()
    command: list[str | Path] = [
        "node",
        red,
        "--userDir",
        folder,
        "--port",
        str(port),
        "--settings",
        folder / "settings.js",
        "flows.json",
    ]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True, cwd=folder,
        env=os.environ | {"HOME": str(folder)},
    )  # fmt: skip
    red_process = NodeRed(port)

    def read() -> None:
        assert process.stdout is not None
        with process.stdout as lines:
            for line in lines:
                with red_process.news:
                    red_process.log.append(line.rstrip())
                    red_process.news.notify_all()

    reader = threading.Thread(target=read, name="node-red.log", daemon=True)
    reader.start()
    try:
        red_process.wait_for_log("Connected to broker")
        yield red_process
    finally:
        process.terminate()
        process.wait(DEADLINE)
        reader.join(DEADLINE)
