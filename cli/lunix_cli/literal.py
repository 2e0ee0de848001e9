"""Subjects as people type them: what the bus would take without a word and deliver to nobody is refused here."""

from lunix_common.errors import UsageError
from lunix_common.subjects import MAX_SUBJECT_BYTES


def checked(subject: str, *, wildcards: bool = False) -> str:
    """The subject itself; raise ``UsageError`` where it could not name anything."""
    tokens = subject.split(".")
    if not all(tokens):
        raise UsageError(f"{subject!r} has an empty token: write hardware.usb.add")
    if any(character.isspace() or not character.isprintable() for character in subject):
        raise UsageError(f"{subject!r} holds a space or a control character: in a name it is written as %20")
    if len(subject.encode()) > MAX_SUBJECT_BYTES:
        raise UsageError(f"a subject of {len(subject.encode())} bytes is longer than {MAX_SUBJECT_BYTES}")
    if not wildcards and ("*" in tokens or ">" in tokens):
        raise UsageError(f"{subject} stands for many subjects: only `lunix sub` takes * and >")
    if ">" in tokens[:-1]:
        raise UsageError(f"{subject}: > stands for all that follows, so it can only be the last token")
    return subject
