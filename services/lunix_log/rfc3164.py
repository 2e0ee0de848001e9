"""Messages of RFC 3164, which tells what was seen in 2001, and of what else is sent today as such.

    <PRI>Mmm dd hh:mm:ss HOST TAG[PID]: text        rsyslog, syslog-ng, busybox syslogd -R, Juniper
    <PRI>Mmm dd hh:mm:ss TAG[PID]: text             syslog(3), that is what comes by /dev/log
    <PRI>2026-11-21T10:00:00.123456+00:00 HOST TAG: text          rsyslog, VMware
    <PRI>45: ROUTER: *Mar  1 18:46:11.123 UTC: %SYS-5-CONFIG_I: text     Cisco; number, origin and time are optional
    <PRI>Nov 21 2026 10:00:00 FIREWALL : %ASA-6-302013: text      Cisco ASA
    <PRI>Nov 21 10:00:00 2026 SWITCH %%10IFNET/3/LINK_UPDOWN: text       HP Comware, H3C, Huawei
    <PRI> Nov 21 10:00:00 192.0.2.7 00076 ports: text             HP ProCurve
    <PRI>system,info,account text                                  MikroTik
    text                                                            anything

Each expression is anchored and its repetitions are bounded or give nothing back, so that time is linear.
"""

import re
from datetime import UTC, datetime, tzinfo

from lunix_log import moment, priority
from lunix_log.parsed import Parsed
from lunix_log.priority import USUAL, Priority
from lunix_log.visible import message, visible

_PRI = re.compile(rb"<(\d{1,3})> ?")
_CISCO = re.compile(
    rb"(?:(?:\d{1,10}+|(?!(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) )[A-Za-z0-9._/-]{1,128}+): ?){1,3}+"
)
_BSD = re.compile(
    rb"[*.:]?+ ?+(?:(?P<before>(?:19|20)\d\d) )?(?P<month>" + rb"|".join(moment.MONTHS) + rb") {1,2}(?P<day>\d{1,2})"
    rb" (?:(?P<mid>(?:19|20)\d\d) )?(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)(?:\.(?P<fraction>\d{1,9}))?"
    rb"(?: (?P<after>(?:19|20)\d\d)(?= |: ))?(?: (?P<zone>[A-Z]{2,5})(?=: ?))?(?= |:|\Z)"
)
_ISO = re.compile(rb"(" + moment.RFC3339 + rb")(?= |\Z)")
_TAG = re.compile(rb"([^\x00-\x20\x7f:\[\]<>]{1,128}+)(?:\[([^\x00-\x20\x7f\]]{1,64}+)\])?:(?: |\Z)")
_HOST = re.compile(rb"([^\x00-\x20\x7f<>\[\]%]{1,255}+)(?: :)? ")
_MNEMONIC = re.compile(
    rb"%{1,2}([A-Za-z0-9_]{1,64}+(?:[-/][A-Za-z0-9_]{1,64}+){1,4}+)(?:\([a-z]\))?(?:\[\d{1,10}\])?: ?"
)
_NUMBER = re.compile(rb"\d{3,6} (?=[^ :\[]{1,48}+:)")


def parse(raw: bytes, received: datetime, zone: tzinfo | None, *, local: bool) -> Parsed:
    """The message; whatever it is, there is one. One that is ``local`` names no host: the C library writes none."""
    known, at = _priority(raw)
    when, host, at, headed = _head(raw, at, received, zone, local=local)
    mnemonic = _MNEMONIC.match(raw, at)
    tag = None if mnemonic else _TAG.match(raw, at)
    if tag and not tag[2] and not local and (after := _MNEMONIC.match(raw, tag.end())):
        host, tag, mnemonic = tag[1], None, after
    if headed and not local and not tag and not mnemonic:
        named = _HOST.match(raw, at)
        if named is not None:
            host, at = named[1], named.end()
            number = _NUMBER.match(raw, at)
            at = number.end() if number else at
            mnemonic = _MNEMONIC.match(raw, at)
            tag = None if mnemonic else _TAG.match(raw, at)
    rest = mnemonic or tag
    return Parsed(
        text=message(raw[rest.end() if rest else at :]),
        format="rfc3164" if headed else "plain",
        priority=known,
        happened_at=when,
        host=None if host is None else visible(host),
        app=None if tag is None else visible(tag[1]),
        process=None if tag is None or tag[2] is None else visible(tag[2]),
        message_id=None if mnemonic is None else visible(mnemonic[1]),
    )


def _priority(raw: bytes) -> tuple[Priority, int]:
    found = _PRI.match(raw)
    known = priority.told(found[1]) if found else None
    return (known, found.end()) if found and known else (USUAL, 0)


def _head(
    raw: bytes, at: int, received: datetime, zone: tzinfo | None, *, local: bool
) -> tuple[datetime | None, bytes | None, int, bool]:
    """The time, the origin that Cisco puts before it, where they end, and whether a time stands there at all."""
    if (iso := _ISO.match(raw, at)) is not None:
        return moment.rfc3339(iso[1], zone), None, min(iso.end() + 1, len(raw)), True
    if (found := _BSD.match(raw, at)) is not None:
        return *_time(raw, found, None, received, zone), True
    prefix = None if local else _CISCO.match(raw, at)
    if prefix is None:
        return None, None, at, False
    origins = [each for each in prefix[0].replace(b" ", b"").split(b":") if each and not each.isdigit()]
    origin = origins[-1] if origins else None
    if (found := _BSD.match(raw, prefix.end())) is not None:
        return *_time(raw, found, origin, received, zone), True
    if _MNEMONIC.match(raw, prefix.end()):
        return None, origin, prefix.end(), False
    return None, None, at, False


def _time(
    raw: bytes, found: re.Match[bytes], origin: bytes | None, received: datetime, zone: tzinfo | None
) -> tuple[datetime | None, bytes | None, int]:
    if found["zone"] in (b"UTC", b"GMT"):
        zone = UTC
    day, fraction = int(found["day"]), found["fraction"]
    clock = int(found["hour"]), int(found["minute"]), int(found["second"])
    year = found["before"] or found["mid"] or found["after"]
    if year:
        when = moment.with_year(int(year), found["month"], day, clock, fraction, zone)
    else:
        when = moment.without_year(found["month"], day, clock, fraction, received, zone)
    end = found.end()
    end += raw[end : end + 1] == b":"
    end += raw[end : end + 1] == b" "
    return when, origin, end
