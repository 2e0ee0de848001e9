"""Settings: ``/etc/lunix/lunix.toml``, then the user's, then ``LUNIX_*``, then flags. One section a daemon.

    [natsdev]
    source = "kernel"

is the same as ``LUNIX_NATSDEV_SOURCE=kernel``. Unknown keys are refused with the nearest name, because a misspelt
setting that is silently ignored costs an evening.
"""

import json
import os
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar, cast

from pydantic import BaseModel, ConfigDict, ValidationError

from lunix_common.errors import UsageError, did_you_mean


class Settings(BaseModel):
    """A daemon's section. Every field has a useful default."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)


S = TypeVar("S", bound=Settings)

_NO_SETTINGS = frozenset({"LUNIX_LOG_LEVEL", "LUNIX_WEBSOCKET_TOKEN"})
"""They begin as settings do: what every daemon takes from the environment, and what ``lunix env`` puts there."""


def files(environ: Mapping[str, str] = os.environ) -> list[Path]:
    """The configuration files that are looked for, the weakest first."""
    user = environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return [Path("/etc/lunix/lunix.toml"), Path(user) / "lunix" / "lunix.toml"]


def load(
    section: str,
    model: type[S],
    *,
    paths: Iterable[Path] | None = None,
    environ: Mapping[str, str] = os.environ,
    flags: Mapping[str, object] | None = None,
) -> S:
    """The settings of ``section``; raise ``UsageError`` that names the file, the key and the nearest known one.

    ``paths`` are files that must exist; without it those of ``files()`` that do.
    """
    merged, origin = dict[str, Any](), dict[str, str]()
    for path in files(environ) if paths is None else paths:
        layer = _section(path, section, must_exist=paths is not None)
        merged |= layer
        origin |= dict.fromkeys(layer, str(path))
    prefix = f"LUNIX_{section.upper()}_"
    for name, value in environ.items():
        if name.startswith(prefix) and name not in _NO_SETTINGS:
            key = name.removeprefix(prefix).lower()
            merged[key], origin[key] = _from_environment(value), name
    for key, flag in (flags or {}).items():
        if flag is not None:
            merged[key], origin[key] = flag, f"--{key.replace('_', '-')}"
    try:
        return model.model_validate(merged)
    except ValidationError as error:
        raise UsageError("\n".join(_explain(section, model, origin, item) for item in error.errors())) from error


def read(path: Path, *, must_exist: bool = False) -> dict[str, Any]:
    """What a file says, by section; nothing where it is not there. Raises ``UsageError`` that names the file."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if must_exist:
            raise UsageError(f"{path} does not exist") from None
        return {}
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise UsageError(f"{path}: {error}") from error


def _section(path: Path, section: str, *, must_exist: bool) -> dict[str, Any]:
    found: object = read(path, must_exist=must_exist).get(section, {})
    if not isinstance(found, dict):
        raise UsageError(f"{path}: {section} is a section: write [{section}]")
    return cast("dict[str, Any]", found)


def _from_environment(value: str) -> object:
    """A number, a boolean or a list where the text is one in TOML; else the text itself."""
    try:
        return tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return value


def _explain(section: str, model: type[Settings], origin: Mapping[str, str], error: Any) -> str:
    where = ".".join(str(part) for part in error["loc"])
    key = str(error["loc"][0]) if error["loc"] else ""
    at = f"{origin.get(key, section)}: "
    if error["type"] != "extra_forbidden":
        return f"{at}{section}.{where} = {json.dumps(error['input'], default=str)}: {error['msg']}"
    return f"{at}{section} has no setting {where}: {did_you_mean(key, sorted(model.model_fields))}"
