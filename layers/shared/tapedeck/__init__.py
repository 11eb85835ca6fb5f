"""Tapedeck: an API for call recordings and conferences that speaks Twilio's and SignalWire's dialects.

`domain` holds the statuses and transitions, `operations` what a client can request, `background` what follows from a
change, `dialects` each vendor's formats, `http` the endpoints, `adapters` the AWS clients. `bootstrap` composes them.

In comments, `REL-1` to `REL-32` are the rules of `docs/explanation/reliability.md`, and `C-1` and so on the choices of
`docs/reference/compatibility.md`.
"""

import gc
import os

if "AWS_LAMBDA_INITIALIZATION_TYPE" in os.environ:
    # Nothing that start-up allocates is garbage. `bootstrap.http`, which every function imports, turns the collector on
    # again after it has built the API services.
    gc.disable()
