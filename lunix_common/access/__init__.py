"""Who may do what on the bus: identities, the server's accounts computed from the table, and a caller's role.

The bus is a root-equivalent interface, so nothing anonymous connects. Each daemon has a key of its own in the account
LUNIX; each role, bridge and script has an account of its own, into which LUNIX exports what its role may see and ask.
"""
