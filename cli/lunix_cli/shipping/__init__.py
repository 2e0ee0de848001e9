"""Putting lunix into a machine: what each daemon needs is declared once, and units of every sort come from there.

needs → units_systemd, units_init → files → (install, uninstall: the two that write)
"""
