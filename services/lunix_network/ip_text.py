"""IP addresses as text: RFC 5952, and what inet_ntop(3) writes. Pure."""


def ip_text(raw: bytes) -> str:
    """The text of an address of 4 or 16 bytes."""
    if len(raw) == 4:
        return ".".join(map(str, raw))
    groups = [int.from_bytes(raw[at : at + 2], "big") for at in range(0, 16, 2)]
    start, length = _zeros(groups)
    if start == 0 and (length == 6 or (length == 5 and groups[5] == 0xFFFF)):
        return f"::{'' if length == 6 else 'ffff:'}{ip_text(raw[12:])}"
    texts = [f"{group:x}" for group in groups]
    if length < 2:
        return ":".join(texts)
    return f"{':'.join(texts[:start])}::{':'.join(texts[start + length :])}"


def _zeros(groups: list[int]) -> tuple[int, int]:
    """Where the longest row of zeros begins, the first of several, and how long it is."""
    best, start = (0, 0), 0
    for at, group in enumerate(groups):
        if group:
            start = at + 1
        elif at + 1 - start > best[1]:
            best = (start, at + 1 - start)
    return best
