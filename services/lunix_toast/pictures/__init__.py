"""Pictures of toasts: which file an icon's name means, and its pixels, decoded by a child that may fail.

icon or image → find → a file → child → pixels
"""
