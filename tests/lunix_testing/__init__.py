"""What the tests of all parts share: deadlines, requirements, a real bus server, a real kernel in a machine of its own.

Never shipped. Each module is imported by the tests that need it; nothing is imported here.
"""
