"""The declared rows: one module a daemon, with ``DOMAINS``, ``SUBJECTS`` and, where it needs other daemons, ``USES``.

Data alone. ``lunix_common.subjects`` joins them to the table that everything else is computed by.
"""
