"""Executes call instructions in TwiML as a state machine without I/O, clock or threads."""

from tapedeck_callflow.flow import Flow, FlowEnded
from tapedeck_callflow.parser import Document, parse
from tapedeck_callflow.run import Facts, Place, Position

__all__ = ["Document", "Facts", "Flow", "FlowEnded", "Place", "Position", "parse"]
