"""What modules compile as they are imported, compiled when the image was built (image/made.py).

A dataclass writes its functions as text, a regular expression is parsed by 2000 lines of Python: together that was a
third of the time in which everything is imported. `compile.py` gives `dataclasses`, `collections`, `typing` and
`re._compiler` the functions of here in place of their own. What is not found in the store is compiled as ever.
"""

import builtins
import marshal
from _sha1 import sha1
from _sre import compile as _sre_compile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

missed: "dict[bytes, Any]" = {}
"""What was not in the store, by its key: all there is, where the image is being built."""
_store: "Any" = None
compile_pattern: "Any" = None


def _made(at: bytes) -> "Any":
    """The part of the store, or nothing."""
    global _store
    if _store is None:
        try:
            import lunix_packed

            _store = lunix_packed.Pack(f"{lunix_packed.LIBRARY}/lunix_made.bin")
        except (ImportError, OSError):  # the image is being built
            _store = False
    return marshal.loads(_store.part(at)) if _store and at in _store.index else None


def key(kind: str, text: str | bytes) -> bytes:
    """What a thing is found by."""
    raw = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
    return sha1(b"%s %s" % (kind.encode(), raw)).digest()[:8]


def _code(text: str, mode: str) -> "Any":
    at = key(mode, text)
    code = _made(at)
    if code is None:
        code = builtins.compile(text, "<string>", mode)
        missed[at] = marshal.dumps(code.replace(co_linetable=b"", co_qualname=code.co_name))
    return code


def exec(text: str, *names: "Any") -> None:
    """Run a text."""
    builtins.exec(_code(text, "exec"), *names)


def eval(text: "Any", *names: "Any") -> "Any":
    """The value of a text."""
    return builtins.eval(_code(text, "eval") if isinstance(text, str) else text, *names)


def compile(text: str, _filename: str, mode: str) -> "Any":
    """The code of a text."""
    return _code(text, mode)


def patterns(own: "Any") -> "Any":
    """`re._compiler.compile`, in place of its own."""
    global compile_pattern
    compile_pattern = own  # for image/made.py

    def compile(pattern: "Any", flags: int = 0) -> "Any":
        if not isinstance(pattern, (str, bytes)):
            return own(pattern, flags)
        at = key(f"{type(pattern).__name__} {int(flags)}", pattern)
        made = _made(at)
        if made is None:
            missed[at] = pattern, flags
            return own(pattern, flags)
        return _sre_compile(pattern, *made)

    return compile
