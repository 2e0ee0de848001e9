"""Cards for screens: a toast and a theme in, pixels out, by cairo and Pango.

toast → markup → card → os_cairo → pixels, and the zones that take the pointer
"""
