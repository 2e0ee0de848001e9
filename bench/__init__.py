"""Benchmarks beside their peers, on real input. Each prints a table and writes JSON to ``bench/results``.

    python -m bench                      all of them (``make bench``), in less than six minutes
    python bench/uevent_latency.py --quick

What is compared runs in rooms (``room``): network and mount namespaces of their own, in which a uevent of ``lo`` is
heard by nobody outside. So udevd, mdev and natsdev stand ready side by side on one machine, and are asked in turn.
"""
