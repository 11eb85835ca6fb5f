"""The wire formats of Twilio and SignalWire: parse requests, render responses and callbacks."""
