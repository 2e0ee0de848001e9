"""The buffer: in order, bounded, and every event is accounted for."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from lunix_uplink.buffer import OVERHEAD_BYTES, Buffer, Losses

MOST = 4096
DOMAINS = ("hardware", "toast", "log")


class Accounted(RuleBasedStateMachine):
    """Each event that was put in is waiting, sent and confirmed, or told as lost."""

    def __init__(self) -> None:
        super().__init__()
        self.buffer = Buffer(MOST)
        self.number = 0
        self.put_in: Counter[str] = Counter()
        self.taken: list[int] = []
        self.sent: Counter[str] = Counter()
        self.asked: Counter[str] = Counter()
        self.confirmed: Counter[str] = Counter()
        self.told: Counter[str] = Counter()

    @rule(domain=st.sampled_from(DOMAINS), size=st.integers(0, MOST + 1))
    def put(self, domain: str, size: int) -> None:
        self.buffer.put(domain, f"{self.number}:{domain} ".encode() + b"." * size + b"\n")
        self.put_in[domain] += 1
        self.number += 1

    @rule(domain=st.sampled_from(DOMAINS))
    def refuse(self, domain: str) -> None:
        self.buffer.refuse(domain)
        self.put_in[domain] += 1

    @rule(most=st.integers(1, MOST))
    def take(self, most: int) -> None:
        frames = self.buffer.take(most).splitlines()
        assert sum(len(frame) + 1 for frame in frames) <= most or len(frames) == 1
        for frame in frames:
            number, _, rest = frame.partition(b":")
            self.taken.append(int(number))
            self.sent[rest.partition(b" ")[0].decode()] += 1
        assert self.buffer.unasked == bool(self.sent)

    @precondition(lambda self: not self.asked)
    @rule()
    def ask(self) -> None:
        self.buffer.ask()
        self.asked, self.sent = self.sent, Counter()

    @rule()
    def confirm(self) -> None:
        self.buffer.confirm()
        self.confirmed += self.asked
        self.asked = Counter()

    @rule()
    def interrupt(self) -> None:
        self.buffer.interrupted()
        losses = self.buffer.losses()
        assert (Counter(losses.uncertain) if losses else Counter()) == self.asked + self.sent
        self.asked, self.sent = Counter(), Counter()
        self.tell(losses)

    @rule()
    def losses(self) -> None:
        losses = self.buffer.losses()
        assert losses is None or not losses.uncertain
        self.tell(losses)

    def tell(self, losses: Losses | None) -> None:
        if losses is not None:
            self.told += Counter(losses.dropped) + Counter(losses.uncertain)

    @invariant()
    def in_order(self) -> None:
        assert self.taken == sorted(self.taken)

    def teardown(self) -> None:
        assert len(self.buffer) * OVERHEAD_BYTES <= MOST
        while self.buffer:
            self.take(MOST)
        self.interrupt()
        assert self.put_in == self.confirmed + self.told


TestAccounted = Accounted.TestCase


@given(st.lists(st.integers(0, 100), max_size=100))
def test_the_newest_stay(sizes: list[int]) -> None:
    buffer = Buffer(2000)
    for number, size in enumerate(sizes):
        buffer.put("toast", b"%d %b\n" % (number, b"." * size))
    kept = [int(line.split()[0]) for line in buffer.take(1 << 20).splitlines()]
    assert kept == list(range(len(sizes) - len(kept), len(sizes)))
    losses = buffer.losses()
    assert (losses.dropped if losses else {}) == ({"toast": len(sizes) - len(kept)} if len(sizes) > len(kept) else {})
