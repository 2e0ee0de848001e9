"""The logger: a child of init that writes the services' lines to disk, and rotates the files.

PID 1 never writes to a disk, which may hang; this program does, as an ordinary unit:

    exec = ["python3", "-m", "lunix_init.logger", "--run", "/run/lunix", "--dir", "/var/log/lunix"]

It follows the control socket. Each line carries its number. Beside the file is noted what is about to
be written, so a restart of the logger goes on where it stopped, wherever that was, as long as init's
memory still holds it. What was lost is written as a line that says how many.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

from lunix_init.control import Control
from lunix_init.os_notify import send_ready


class Mark(NamedTuple):
    """A place in a file: the number of the last line before it, and the file's size there in bytes."""

    number: int
    size: int


class File:
    """The log of one service: a file, its older ones, and the number of the last line."""

    def __init__(self, folder: Path, name: str, most_bytes: int, kept: int) -> None:
        self._path = folder / f"{name}.log"
        self._note = folder / f".{name}.last"
        self._most, self._kept = most_bytes, kept
        self._boot, self._number = self._settled()
        self._file = self._path.open("ab")

    def last(self, boot: str) -> int:
        """Return the number of the last line that was written in this run of init."""
        return self._number if self._boot == boot else 0

    def write(self, boot: str, lines: list[dict[str, Any]], lost: int) -> None:
        """Add lines; a file that is full makes room first."""
        if self._file.tell() > self._most:
            self._rotate()
        text = f"({lost} lines were lost)\n" if lost else ""
        for line in lines:
            at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(line["at"]))
            text += f"{at} {line['text']}\n"
        data = text.encode(errors="replace")
        size = self._file.tell()
        before = Mark(self.last(boot), size)
        self._boot, self._number = boot, lines[-1]["number"] if lines else before.number
        draft = self._note.with_suffix(".draft")
        draft.write_text(json.dumps({"boot": boot, "before": before, "after": (self._number, size + len(data))}))
        draft.rename(self._note)
        self._file.write(data)
        self._file.flush()

    def close(self) -> None:
        """Give the descriptor back."""
        self._file.close()

    def _settled(self) -> tuple[str, int]:
        """The run of init and the line that the file ends with; what was half written is taken away."""
        try:
            found = json.loads(self._note.read_bytes())
            boot, before, after = str(found["boot"]), Mark(*found["before"]), Mark(*found["after"])
        except (OSError, ValueError, KeyError, TypeError):
            return "", 0
        size = _size(self._path)
        if after.size == (size or _size(self._older(1))):  # an empty one took the place of the file of the note
            return boot, after.number
        if size > before.size:
            os.truncate(self._path, before.size)
        return boot, before.number

    def _rotate(self) -> None:
        self._file.close()
        for number in range(self._kept - 1, 0, -1):
            if self._older(number).exists():
                self._older(number).rename(self._older(number + 1))
        self._path.rename(self._older(1))
        self._file = self._path.open("ab")

    def _older(self, number: int) -> Path:
        return self._path.with_suffix(f".log.{number}")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


class Logger:
    """All files, and the connection to init."""

    def __init__(self, control: Control, folder: Path, most_bytes: int, kept: int) -> None:
        self._control, self._folder = control, folder
        self._most, self._kept = most_bytes, kept
        self._files: dict[str, File] = {}
        self._numbers: dict[str, int] = {}
        self._own = os.environ.get("LUNIX_UNIT", "")
        self._boot = ""

    def run(self) -> None:
        """Write until init closes the connection."""
        with Control.connect(self._control.do("status")["run"], timeout_s=None) as streams:
            head = streams.do("status")
            self._boot = head["boot"]
            events = streams.events(since=head["seq"], boot=self._boot)
            self._follow_all(streams)
            send_ready()
            for message in events:
                if "log" in message:
                    self._on_line(message["log"])
                elif message.get("event", {}).get("kind") == "units.changed":
                    self._follow_all(streams)

    def _follow_all(self, streams: Control) -> None:
        for item in self._control.do("list")["items"]:
            name = item["name"]
            if name in self._files or name == self._own:
                continue
            self._files[name] = File(self._folder, name, self._most, self._kept)
            self._numbers[name] = self._files[name].last(self._boot)
            streams.send("logs", name=name, most=0, follow=True)
            self._catch_up(name)

    def _catch_up(self, name: str) -> None:
        found = self._control.do("logs", name=name, since=self._numbers[name], most=10_000)
        if found["lines"] or found["lost"]:
            self._files[name].write(self._boot, found["lines"], found["lost"])
            self._numbers[name] = found["next"] - 1

    def _on_line(self, line: dict[str, Any]) -> None:
        name, number = line["service"], line["number"]
        if number > self._numbers[name] + 1:
            self._catch_up(name)  # some did not fit into the stream; init still has them
        if number > self._numbers[name]:
            self._files[name].write(self._boot, [line], 0)
            self._numbers[name] = number


def main() -> int:
    """Run until asked to stop. Exit codes: 0, 100 wrong usage, 111 init or the disk is away."""
    parser = argparse.ArgumentParser(prog="lunix-init-logger")
    parser.add_argument("--run", required=True, help="the run directory of init")
    parser.add_argument("--dir", required=True, type=Path, help="where the files go")
    parser.add_argument("--size", type=int, default=1 << 20, help="bytes before a file is rotated")
    parser.add_argument("--keep", type=int, default=3, help="how many older files are kept")
    try:
        given = parser.parse_args()
    except SystemExit as leaving:
        return 100 if leaving.code else 0
    try:
        given.dir.mkdir(parents=True, exist_ok=True)
        with Control.connect(given.run, timeout_s=None) as control:
            Logger(control, given.dir, given.size, given.keep).run()
    except OSError as error:
        sys.stderr.write(f"lunix-init-logger: {error}\n")
        return 111
    return 0


if __name__ == "__main__":
    sys.exit(main())
