"""One training step of a codebook in compiled loops."""
