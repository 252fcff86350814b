"""Floor 3: the export of codes to the programs that train language models, and its inverse."""
