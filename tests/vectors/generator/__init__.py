"""Makes the test vectors by a route of its own: pycapnp, the `capnp` command line, words by hand.

Nothing here may import, call or copy the implementation: a vector that came from the code it judges
proves nothing.
"""
