"""Composition roots: the only modules that know every other part of the layer."""
