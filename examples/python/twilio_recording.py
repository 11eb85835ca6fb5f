"""Record a call with Twilio's SDK, and pause while the caller says a card number.

Start Tapedeck (`make serve`), then run `pip install twilio` and `python twilio_recording.py`.
For HTTPS, set TAPEDECK_URL=https://localhost:3443 and REQUESTS_CA_BUNDLE to the CA file that `make serve` prints.
"""

import os

import requests
from twilio.rest import Client

url = os.environ.get("TAPEDECK_URL", "http://localhost:3000")
account_sid = os.environ.get("TAPEDECK_ACCOUNT", "AC720796a08ee9435083bd2d07a3121f1e")
auth_token = os.environ.get("TAPEDECK_TOKEN", "00112233445566778899aabbccddeeff")

# --8<-- [start:pointer]
client = Client(account_sid, auth_token)
client.api.base_url = url
# --8<-- [end:pointer]

# The stand-in simulates telephony. Create an incoming call.
answer = requests.post(f"{url}/_standin/calls", json={"account": account_sid}, timeout=30)
answer.raise_for_status()
call_sid = answer.json()["sid"]["twilio"]
print(f"call {call_sid} is in progress")

recordings = client.calls(call_sid).recordings

started = recordings.create()
print(f"recording {started.sid}: {started.status}")

# The caller is about to say a card number: pause, and record nothing until resumed.
paused = recordings(str(started.sid)).update(status="paused", pause_behavior="skip")
print(f"recording {paused.sid}: {paused.status}")

# `Twilio.CURRENT` is the active recording, for clients that do not know its sid.
resumed = recordings("Twilio.CURRENT").update(status="in-progress")
print(f"recording {resumed.sid}: {resumed.status}")

stopped = recordings(str(started.sid)).update(status="stopped")
print(f"recording {stopped.sid}: {stopped.status}")
