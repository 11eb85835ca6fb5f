"""Record a call with SignalWire's SDK, and pause while the caller says a card number.

Start Tapedeck (`make serve`), then run `pip install signalwire==2.1.1` (Python 3.11 or 3.12) and
`python signalwire_recording.py`.
For HTTPS, set TAPEDECK_URL=https://localhost:3443 and TAPEDECK_CA_FILE to the CA file that `make serve` prints.
"""

import os

import requests
from signalwire.rest import Client

url = os.environ.get("TAPEDECK_URL", "http://localhost:3000")
project_id = os.environ.get("TAPEDECK_ACCOUNT", "720796a0-8ee9-4350-83bd-2d07a3121f1e")
api_token = os.environ.get("TAPEDECK_TOKEN", "00112233445566778899aabbccddeeff")
ca_file = os.environ.get("TAPEDECK_CA_FILE")

# --8<-- [start:pointer]
client = Client(project_id, api_token, signalwire_space_url="localhost")
client.api.base_url = url
if ca_file:
    # This SDK does not read REQUESTS_CA_BUNDLE.
    client.http_client.session.verify = ca_file
# --8<-- [end:pointer]

# The stand-in simulates telephony. Create an incoming call.
answer = requests.post(f"{url}/_standin/calls", json={"account": project_id}, timeout=30, verify=ca_file or True)
answer.raise_for_status()
call_sid = answer.json()["sid"]["signalwire"]
print(f"call {call_sid} is in progress")

recordings = client.calls(call_sid).recordings

started = recordings.create()
print(f"recording {started.sid}: {started.status}")

# The caller is about to say a card number: pause, and record nothing until resumed.
paused = recordings(started.sid).update(status="paused", pause_behavior="skip")
print(f"recording {paused.sid}: {paused.status}")

resumed = recordings(started.sid).update(status="in-progress")
print(f"recording {resumed.sid}: {resumed.status}")

stopped = recordings(started.sid).update(status="stopped")
print(f"recording {stopped.sid}: {stopped.status}")
