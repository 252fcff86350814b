"""Probes of the codes of a store against the phones of its recordings."""
