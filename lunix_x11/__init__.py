"""lunix_x11: an X display over its socket, in the daemon's own epoll. What lunix-toast and lunix-wm both stand on.

connection → the display             requests, which never block once the loop has the socket
the display → connection → wire      answers and events, in order
os_returns                           a display that was lost, or is not there yet, by inotify

It stands above ``lunix_common`` and below the services that it is for; nothing else imports it.

Pure core: `wire`, `greeting`, `display`.
"""
