"""Floor 3: codes out to the programs that train language models, and back."""
