"""Why a party cannot do something."""


class CallNotLive(Exception):
    """The call is not in a state in which its party can do this."""
