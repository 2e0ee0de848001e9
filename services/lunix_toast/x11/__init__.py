"""Popups on an X display: the protocol itself, spoken over the display's socket in the daemon's own epoll.

popups → connection → the display          cards as pixmaps: the display repaints them without asking
the display → connection → wire → popups   clicks, and what changes of monitors, panels and resolution
"""
