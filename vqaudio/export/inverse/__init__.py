"""The way back: ids that a language model has sampled to codes, whatever is wrong with them dropped and counted."""
