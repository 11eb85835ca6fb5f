"""SignalWire's dialect: resources, errors and callbacks."""
