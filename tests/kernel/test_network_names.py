"""lunix-network and the machine's names: resolv.conf in all the ways that others write it, and the hostname."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from lunix_testing.daemon import Daemon, DaemonStarter
from lunix_testing.examples import Recorder
from lunix_testing.network import Network, listening
from lunix_testing.server import BusServer


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """In the place of ``/etc``."""
    folder = tmp_path / "etc"
    folder.mkdir()
    return folder


@pytest.fixture
async def names(folder: Path, bus_server: BusServer, daemon_process: DaemonStarter) -> AsyncIterator[Network]:
    config = f'[network]\nresolv_conf = "{folder}/resolv.conf"'
    running = await listening(await asyncio.to_thread(daemon_process, "lunix_network", config=config), bus_server)
    yield running
    await running.client.close()


async def told(names: Network, *servers: str) -> None:
    await names.until("network.dns.changed", servers=list(servers))
    (listed,) = await names.items(kind="dns")
    assert listed["servers"] == list(servers)


def written(path: Path, *servers: str) -> Path:
    path.write_text("".join(f"nameserver {server}\n" for server in servers), encoding="utf-8")
    return path


async def test_a_file_that_comes_is_written_to_replaced_and_removed(
    names: Network, folder: Path, record_example: Recorder
) -> None:
    file = written(folder / "resolv.conf", "192.0.2.1")
    await told(names, "192.0.2.1")
    with file.open("a", encoding="utf-8") as open_file:
        open_file.write("search example.org example.net\noptions edns0\n")
    heard = await names.until("network.dns.changed", search=["example.org", "example.net"], options=["edns0"])
    record_example(heard.subject, heard.payload, headers=heard.headers)
    written(folder / "new", "192.0.2.2", "192.0.2.3").rename(file)
    await told(names, "192.0.2.2", "192.0.2.3")
    file.unlink()
    await told(names)


async def test_a_chain_of_links_is_followed_to_where_there_is_no_folder_yet(
    names: Network, folder: Path, tmp_path: Path
) -> None:
    (folder / "resolv.conf").symlink_to("../middle/link")
    (tmp_path / "middle").mkdir()
    (tmp_path / "middle/link").symlink_to(tmp_path / "run/resolve/stub")
    (tmp_path / "run").mkdir()
    (tmp_path / "run/resolve").mkdir()
    file = written(tmp_path / "run/resolve/stub", "127.0.0.53")
    await told(names, "127.0.0.53")
    written(file, "127.0.0.54")
    await told(names, "127.0.0.54")
    written(tmp_path / "other", "192.0.2.9")
    (tmp_path / "middle/new").symlink_to(tmp_path / "other")
    (tmp_path / "middle/new").rename(tmp_path / "middle/link")
    await told(names, "192.0.2.9")
    before = len(names.heard.items)
    written(file, "127.0.0.55")
    (folder / "unrelated").touch()
    # In one step: written in place, it could be looked at while it is empty, for what came before.
    written(tmp_path / "newer", "192.0.2.10").rename(tmp_path / "other")
    await told(names, "192.0.2.10")
    assert len(names.heard.items) == before + 1


@pytest.fixture
def mounted(folder: Path, tmp_path: Path) -> Iterator[Path]:
    """The file is a mount of another, as in a container."""
    outside, inside = written(tmp_path / "outside", "192.0.2.4"), folder / "resolv.conf"
    inside.touch()
    subprocess.run(["mount", "--bind", str(outside), str(inside)], check=True)
    yield outside
    subprocess.run(["umount", str(inside)], check=True)


@pytest.mark.root
async def test_a_file_that_is_a_mount_of_its_own_is_watched_itself(mounted: Path, names: Network) -> None:
    (listed,) = await names.items(kind="dns")
    assert listed["servers"] == ["192.0.2.4"]
    written(mounted, "192.0.2.6")
    await told(names, "192.0.2.6")


@pytest.mark.root
async def test_another_hostname_is_told(bus_server: BusServer, record_example: Recorder) -> None:
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("LUNIX_", "NATS_"))}
    inner = [sys.executable, "-m", "lunix_network", "--state", str(bus_server.state), "--config", os.devnull]
    daemon = Daemon(["unshare", "--uts", *inner], environ)
    try:
        await asyncio.to_thread(daemon.wait_ready)
        network = await listening(daemon, bus_server)
        before = (await network.items(kind="hostname"))[0]["name"]
        inside = ["nsenter", "--uts", "--target", str(daemon.pid), "hostname"]
        for name in ("lunix-box", "lunix-box.example.org"):
            await asyncio.to_thread(subprocess.run, [*inside, name], check=True)
            heard = await network.until("network.hostname.changed", name=name)
        assert (await network.items(kind="hostname"))[0]["name"] == "lunix-box.example.org" != before
        record_example(heard.subject, heard.payload, headers=heard.headers)
        await network.client.close()
    finally:
        daemon.close()
