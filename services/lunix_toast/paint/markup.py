"""The markup of notification bodies: pure, a stranger's text in, runs or Pango markup out.

Of the specification's tags (https://specifications.freedesktop.org/notification-spec/latest/markup.html) ``b``, ``i``
and ``u`` are shown as what they are, ``a`` as underlined text, ``img`` as its ``alt``. Any other tag is text like all
the rest. Where tags do not nest, or one is left open, the whole body is text, as it was sent.
"""

import re
from collections.abc import Iterator
from html import unescape
from typing import NamedTuple

MOST_DEPTH = 16
_MOST_MARKS = 4
"""Combining characters on one base; more of them grow over the lines above and below."""

# Attributes cannot hold < or >, so each < is looked at once and the search is linear.
_TOKEN = re.compile(r"""<(/?)(b|i|u|a|img)((?:\s+[a-zA-Z]+\s?=\s?(?:"[^"<>]*"|'[^'<>]*'))*)\s*(/?)>""")
_ALT = re.compile(r"""\salt\s?=\s?(?:"([^"]*)"|'([^']*)')""")
_ENTITY = re.compile(r"&(?:amp|lt|gt|quot|apos|#[0-9]{1,7}|#x[0-9a-fA-F]{1,6});")
# C0 but for the line end, DEL, C1, and what turns the direction of all that follows: the overrides, embeddings and
# isolates. The marks of single characters (U+200E, U+200F) stay, which right-to-left texts need.
_UNWANTED = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")
_MARK = "[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]"
_MARKS = re.compile(f"({_MARK}{{{_MOST_MARKS}}}){_MARK}+")


class Run(NamedTuple):
    """Text of one look."""

    text: str
    tags: frozenset[str] = frozenset()
    """Of ``b``, ``i``, ``u`` and ``a``."""


class _Malformed(Exception):
    pass


def tidy(text: str) -> str:
    """The text without what would break out of its card: controls, overrides of the direction, towers of accents."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", " ")
    return _MARKS.sub(r"\1", _UNWANTED.sub("", text))


def runs(body: str) -> list[Run]:
    """The runs of a body with markup."""
    try:
        return [run for run in _runs(body) if run.text]
    except _Malformed:
        return [Run(body)] if body else []


def _runs(body: str) -> Iterator[Run]:
    open_: list[str] = []
    end = 0
    for found in _TOKEN.finditer(body):
        yield Run(_entities(body[end : found.start()]), frozenset(open_))
        end = found.end()
        closes, tag, attributes, empty = found.groups()
        if tag == "img":
            alt = _ALT.search(attributes)
            yield Run(_entities((alt[1] or alt[2] or "") if alt else ""), frozenset(open_))
        elif closes:
            if not open_ or open_.pop() != tag:
                raise _Malformed
        elif not empty:
            open_.append(tag)
            if len(open_) > MOST_DEPTH:
                raise _Malformed
    if open_:
        raise _Malformed
    yield Run(_entities(body[end:]))


def _entities(text: str) -> str:
    return _ENTITY.sub(lambda found: unescape(found[0]), text)


def plain(body: str) -> str:
    """A body with markup as text alone, for where there is none."""
    return "".join(run.text for run in runs(body))


def escape(text: str) -> str:
    """Text for Pango."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def pango(body: str, *, markup: bool, most: int) -> str:
    """A body for Pango, tidy, and of at most so many characters."""
    parts: list[str] = []
    for run in runs(body) if markup else [Run(body)]:
        text = tidy(run.text)
        parts.append(_tagged(text[:most], run.tags))
        most -= len(text)
        if most < 0:
            parts.append("…")
            break
    return "".join(parts)


def _tagged(text: str, tags: frozenset[str]) -> str:
    text = escape(text)
    for tag in sorted({"u" if tag == "a" else tag for tag in tags}):
        text = f"<{tag}>{text}</{tag}>"
    return text
