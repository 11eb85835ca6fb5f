"""The stand-in as a program: options, composition, start-up and dispatch."""
