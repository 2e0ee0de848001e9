"""Which aliases are asked for, and how they are shared out; a script in modprobe's place says what it was given."""

import asyncio
import logging
import os
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lunix_natsdev.manage.modalias import Modules, alias_of, batches, modprobe
from lunix_testing.deadline import deadline

log = logging.getLogger("natsdev.test")


@pytest.mark.parametrize(
    ("alias", "asked"),
    [
        ("usb:v0781p5581d0100dc00dsc00dp00ic08isc06ip50in00", True),
        ("of:NserialT(null)Cns16550a", True),
        ("", False),
        ("-C/etc/evil", False),
        ("--config", False),
        ("../../evil.ko", False),
        ("a\nb", False),
        ("caf\u00e9", False),
        ("x" * 5000, False),
    ],
)
def test_only_what_can_be_an_alias_is_given_to_a_program(alias: str, asked: bool) -> None:
    assert alias_of({"MODALIAS": alias}) == (alias if asked else None)


def test_a_device_without_an_alias_asks_for_nothing() -> None:
    assert alias_of({}) is None


@given(st.lists(st.text(min_size=1), max_size=300), st.integers(1, 8))
def test_all_that_waits_is_shared_out_in_order(waiting: list[str], workers: int) -> None:
    shared = batches(waiting, workers)
    assert [alias for batch in shared for alias in batch] == waiting
    assert all(len(batch) <= 32 for batch in shared)
    assert len(shared) <= max(workers, -(-len(waiting) // 32))


@asynccontextmanager
async def running(modules: Modules) -> AsyncGenerator[Modules]:
    task = asyncio.create_task(modules.run())
    yield modules
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.fixture
def loader(tmp_path: Path) -> Callable[[str], str]:
    def make(script: str) -> str:
        program = tmp_path / "modprobe"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        return str(program)

    return make


async def test_what_is_wanted_is_loaded_once_and_then_it_is_idle(loader: Callable[[str], str], tmp_path: Path) -> None:
    said = tmp_path / "said"
    program = loader(f'printf "%s\\n" "$*" >> {said}')
    async with deadline("loading"), running(Modules(log, program=program, workers=1)) as modules:
        for alias in ("a", "b", "a"):
            modules.want(alias)
        await modules.idle()
        assert said.read_text() == "-abq -- a b\n"
        modules.want("a")
        await modules.idle()
        assert said.read_text().splitlines()[1:] == ["-abq -- a"]


async def test_what_is_wanted_meanwhile_is_waited_for_too(loader: Callable[[str], str], tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    program = loader(f'test "$3" != slow || read go < {fifo}; echo "$3" >> {tmp_path}/done')
    os.mkfifo(fifo)
    async with deadline("loading"), running(Modules(log, program=program, workers=2)) as modules:
        modules.want("slow")
        await asyncio.sleep(0)
        modules.want("quick")
        waiting = asyncio.create_task(modules.idle())
        await asyncio.to_thread(fifo.write_text, "go\n")
        await waiting
        assert sorted((tmp_path / "done").read_text().split()) == ["quick", "slow"]


async def test_a_module_that_takes_too_long_is_given_up(
    loader: Callable[[str], str], caplog: pytest.LogCaptureFixture
) -> None:
    modules = Modules(log, program=loader("exec sleep 60"), timeout_s=0.2)
    async with deadline("giving up"), running(modules):
        modules.want("slow")
        await modules.idle()
    assert "loading modules took too long" in caplog.messages


async def test_a_program_that_is_not_there_is_told_and_no_failure(caplog: pytest.LogCaptureFixture) -> None:
    async with deadline("giving up"), running(Modules(log, program="/nowhere/modprobe")) as modules:
        modules.want("a")
        await modules.idle()
    assert "modules cannot be loaded" in caplog.messages


async def test_a_dry_run_only_says_what_it_would_do(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    modules = Modules(log, program="/sbin/modprobe", dry_run=True)
    modules.want("usb:v1")
    await modules.idle()
    assert caplog.messages == ["would run /sbin/modprobe -abq -- usb:v1"]


def test_the_program_is_the_kernels_own_setting(tmp_path: Path) -> None:
    setting = tmp_path / "modprobe"
    assert modprobe(setting) is None
    for said, program in (("/bin/sh\n", "/bin/sh"), ("\n", None), ("/nowhere/modprobe\n", None)):
        setting.write_text(said)
        assert modprobe(setting) == program
