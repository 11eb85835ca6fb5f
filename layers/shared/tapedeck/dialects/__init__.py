"""How things are said on the wire: what is read, what is answered, in Twilio's and in SignalWire's words."""
