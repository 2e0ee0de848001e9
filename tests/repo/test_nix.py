"""What there is for Nix: made from lunix's tables, and evaluated as far as Debian's Nix can without nixpkgs."""

import json
import runpy
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from lunix_cli.shipping import units_systemd
from lunix_cli.shipping.needs import ROWS, SESSION, SYSTEM
from lunix_cli.shipping.nix import kind
from lunix_testing import tree

NIX = tree.ROOT / "nix"
FILES = sorted(path for path in tree.files() if path.suffix == ".nix")
instantiate = pytest.mark.requires("program:nix-instantiate")


def nix(*arguments: str) -> str:
    done = subprocess.run(
        ["nix-instantiate", "--store", "dummy://", *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@cache
def evaluated(services: str) -> dict[str, Any]:
    """The options and the configuration of a machine with these services."""
    module, evaluate = NIX / "module.nix", tree.ROOT / "tests/repo/nix/evaluate.nix"
    expression = f"import {evaluate} {{ module = {module}; services = {services}; }}"
    found: dict[str, Any] = json.loads(nix("--eval", "--strict", "--json", "--expr", expression))
    return found


def test_what_the_modules_are_made_from_is_what_the_tables_say() -> None:
    made = runpy.run_path(str(NIX / "generate.py"))
    written = (NIX / "daemons.json").read_text(encoding="utf-8")
    assert written == made["text"](), "write it anew: .venv/bin/python nix/generate.py"


@instantiate
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_nix_can_read(path: Path) -> None:
    nix("--parse", str(path))


@instantiate
def test_every_daemon_has_options_with_descriptions() -> None:
    options = evaluated("{ }")["options"]
    assert set(ROWS) - {"bus", "init"} < set(options)
    for name in set(ROWS) - {"bus", "init"}:
        assert options[name]["enable"]["type"] == "bool"
        assert options[name]["enable"]["default"] == ROWS[name].by_default
        for setting in options[name]["settings"].values():
            assert set(setting["type"]) == {"null"}
    assert options["mount"]["settings"]["automount"]["type"] == {"null": "bool"}
    assert "Where nothing is set: `false`." in options["mount"]["settings"]["automount"]["description"]


@instantiate
def test_a_machine_without_lunix_has_nothing_of_it() -> None:
    assert evaluated("{ }")["config"] == {}


@instantiate
def test_each_daemon_is_a_service_as_closed_as_beside_any_systemd() -> None:
    config = evaluated("{ enable = true; toast.enable = true; }")["config"]
    services, users = config["systemd"]["services"], config["systemd"]["user"]["services"]
    assert set(services) == {row.unit for row in SYSTEM if row.by_default}
    assert set(users) >= {row.unit for row in SESSION if row.name == "toast"}
    for row in SYSTEM:
        if row.by_default:
            wanted = dict(units_systemd.sections(row, f"/lunix/bin/{row.command[0]}")["Service"])
            found = services[row.unit]["serviceConfig"]
            assert found["ExecStart"] == wanted["ExecStart"]
            assert found["CapabilityBoundingSet"] == wanted["CapabilityBoundingSet"]
            assert {key: found.get(key) for key in units_systemd.CLOSED} == {
                key: wanted.get(key) for key in units_systemd.CLOSED
            }
            assert services[row.unit]["wantedBy"] == ["lunix.target"]
            assert row.user == "root" or config["users"]["users"][row.user]["isSystemUser"]


@instantiate
def test_only_what_was_set_is_written() -> None:
    services = '{ enable = true; mount.settings = { automount = true; media = "/m"; }; mqtt.settings.qos = 0; }'
    config = evaluated(services)["config"]
    # mqtt is not enabled.
    assert config["environment"]["etc"]["lunix/lunix.toml"]["source"]["value"] == {
        "mount": {"automount": True, "media": "/m"}
    }


@instantiate
def test_lunix_init_s_units_are_one_folder_and_systemd_has_only_lunix_init() -> None:
    config = evaluated('{ enable = true; supervisor = "lunix-init"; init.units.mine.exec = [ "/x" ]; }')["config"]
    entries = {one["name"]: one["path"] for one in config["environment"]["etc"]["lunix/units"]["source"]["entries"]}
    assert {"bus.toml", "init.toml", "mount.toml", "mine.toml"} <= set(entries)
    assert entries["mine.toml"]["value"] == {"exec": ["/x"]}
    # udevd runs beside it: natsdev does not manage devices.
    assert "--manage" not in entries["natsdev.toml"]["text"]
    assert set(config["systemd"]["services"]) == {"lunix-init"}


@pytest.mark.parametrize(
    ("schema", "type_"),
    [
        ({"type": "boolean"}, {"name": "bool"}),
        ({"type": "array", "items": {"type": "string"}}, {"name": "list", "of": {"name": "str"}}),
        ({"enum": [0, 1], "type": "integer"}, {"name": "enum", "values": [0, 1]}),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, {"name": "int"}),
        (
            {"anyOf": [{"type": "integer"}, {"type": "string"}]},
            {"name": "either", "of": [{"name": "int"}, {"name": "str"}]},
        ),
        ({"type": "object", "additionalProperties": {"type": "number"}}, {"name": "attrs", "of": {"name": "number"}}),
        ({"type": "object"}, {"name": "attrs", "of": {"name": "anything"}}),
        ({"$ref": "#/x"}, {"name": "anything"}),
    ],
)
def test_a_schema_is_a_type_of_nix(schema: dict[str, Any], type_: dict[str, Any]) -> None:
    assert kind(schema) == type_
