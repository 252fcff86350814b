"""Probes of what the codes mean: arrays in, numbers out.  No file here imports a codec or reads a corpus."""
