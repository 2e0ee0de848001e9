"""Payloads: one module a domain, frozen pydantic models, additive evolution only.

``model("hardware.Device")`` finds a model by the name that the table gives it; importing it costs some 80 ms, so
programs that do not look inside payloads never call it.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lunix_common.schemas.common import Model


def model(name: str) -> "type[Model]":
    """The model of this name, ``<module>.<class>``; raise ``LookupError`` where there is none."""
    module_name, _, class_name = name.partition(".")
    try:
        found: type[Model] = getattr(import_module(f"lunix_common.schemas.{module_name}"), class_name)
    except (ImportError, AttributeError) as error:
        raise LookupError(f"there is no schema {name!r}") from error
    return found
