"""Units of speech: the hidden states of a model of transformers, each replaced by the number of the nearest mean."""
