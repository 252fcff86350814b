"""What the codes of a store have to do with the phones of its recordings."""
