"""In the place of the standard library's: asyncio imports it, and there is no TLS on the image."""

from lunix_common.without_ssl import absent

SSLProtocol = absent
