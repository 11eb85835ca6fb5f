"""Record a call with Twilio's SDK, and leave out what must not be heard.

Start Tapedeck (`make serve`), then, with `pip install twilio`: `python twilio_recording.py`.
Over HTTPS: TAPEDECK_URL=https://localhost:3443, and REQUESTS_CA_BUNDLE names the CA file that `make serve` tells.
"""

import os

import requests
from twilio.rest import Client

url = os.environ.get("TAPEDECK_URL", "http://localhost:3000")
account_sid = os.environ.get("TAPEDECK_ACCOUNT", "AC720796a08ee9435083bd2d07a3121f1e")
auth_token = os.environ.get("TAPEDECK_TOKEN", "standin-token")

client = Client(account_sid, auth_token)
client.api.base_url = url

# Telephony's part, played by the stand-in: somebody calls.
answer = requests.post(f"{url}/_standin/calls", json={"account": account_sid}, timeout=30)
answer.raise_for_status()
call_sid = answer.json()["sid"]["twilio"]
print(f"call {call_sid} is in progress")

recordings = client.calls(call_sid).recordings

started = recordings.create()
print(f"recording {started.sid} of it: {started.status}")

# The caller is about to say a card number: nothing is recorded until we go on.
paused = recordings(str(started.sid)).update(status="paused", pause_behavior="skip")
print(f"recording {paused.sid}: {paused.status}")

# Whoever does not know the sid says which one is meant: the one that is active.
resumed = recordings("Twilio.CURRENT").update(status="in-progress")
print(f"recording {resumed.sid}: {resumed.status}")

stopped = recordings(str(started.sid)).update(status="stopped")
print(f"recording {stopped.sid}: {stopped.status}")
