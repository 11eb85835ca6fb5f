"""Tapedeck: call recordings and conferences in Twilio's and SignalWire's words.

`domain` knows what may happen, `operations` does it, `dialects` says it, `edge` lets the world in,
`adapters` get out to AWS; `settings` and `wiring` put them together.
"""

import gc
import os

if "AWS_LAMBDA_INITIALIZATION_TYPE" in os.environ:
    # Nothing that a start makes is garbage; `wiring` turns the collector on again when all is made.
    gc.disable()
