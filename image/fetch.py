"""Source archives from apt, wheels from pip: known by their hashes, kept in the cache, never installed."""

import hashlib
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from image.place import CACHE, HERE, run, say

DOWNLOADS = CACHE / "downloads"
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


def source(package: str) -> Path:
    """The source archive of a package of sources.toml, checked."""
    entries = tomllib.loads((HERE / "sources.toml").read_text())["apt"]
    (entry,) = (entry for entry in entries if entry["package"] == package)
    path = DOWNLOADS / entry["file"]
    if not path.exists():
        say(f"{path.name}: from apt")
        DOWNLOADS.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE, prefix="work-") as work:
            found = _from_apt(Path(work), entry)
            _check(found, entry["sha256"])
            found.rename(path)
    _check(path, entry["sha256"])
    return path


def wheels() -> list[Path]:
    """The wheels of wheels.txt."""
    wanted = (HERE / "wheels.txt").read_bytes()
    folder = DOWNLOADS / f"wheels-{hashlib.sha256(wanted).hexdigest()[:12]}"
    if not folder.exists():
        say("wheels: from pip")
        platforms = (word for tag in ("musllinux_1_1_x86_64", "musllinux_1_2_x86_64") for word in ("--platform", tag))
        DOWNLOADS.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=DOWNLOADS, prefix="work-") as work:
            run(
                *(sys.executable, "-m", "pip", "download", "--disable-pip-version-check", "--no-deps"),
                *("--require-hashes", "--only-binary", ":all:", "--python-version", "3.13", "--implementation", "cp"),
                *("--abi", "cp313", "--abi", "none", *platforms, "--platform", "any"),
                *("--dest", f"{work}/wheels", "-r", HERE / "wheels.txt"),
            )
            (Path(work) / "wheels").rename(folder)
    return sorted(folder.glob("*.whl"))


def _check(path: Path, sha256: str) -> None:
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        raise SystemExit(f"image: {path} has the hash {found}, and not {sha256}")


def _from_apt(work: Path, entry: dict[str, str]) -> Path:
    """Have apt find which version of the package has this archive, from where this machine has its packages."""
    for folder in ("state/lists/partial", "cache/archives/partial"):
        (work / folder).mkdir(parents=True)
    sources = work / "sources.list"
    sources.write_text(f"deb-src [signed-by={_KEYRING}] {_archive()} {entry['suite']} main\n")
    options = (
        *(f"Dir::Etc::sourcelist={sources}", "Dir::Etc::sourceparts=-", "APT::Sandbox::User=root"),
        *(f"Dir::State::lists={work}/state/lists", f"Dir::Cache={work}/cache"),
    )
    words = [word for option in options for word in ("-o", option)]
    run("apt-get", *words, "update")
    records = _ask("apt-cache", *words, "showsrc", "--only-source", entry["package"]).split("\n\n")
    for record in records:
        version = re.search(r"^Version: (\S+)$", record, re.MULTILINE)
        if version and f"{entry['sha256']} " in record:
            wanted = f"{entry['package']}={version[1]}"
            run("apt-get", *words, "source", "--download-only", "--tar-only", wanted, cwd=work)
            return work / entry["file"]
    raise SystemExit(f"image: {entry['suite']} has {entry['file']} no more: take what it has into image/sources.toml")


def _archive() -> str:
    """The archive of Debian that this machine is configured for, not the one of security updates."""
    told = _ask("apt-get", "indextargets", "--format", "$(ORIGIN)|$(CODENAME)|$(REPO_URI)")
    found = re.findall(r"^Debian\|[a-z]+\|(\S+)$", told, re.MULTILINE)
    if not found:
        raise SystemExit("image: apt knows no archive of Debian here")
    return str(found[0])


def _ask(*argv: str) -> str:
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout
