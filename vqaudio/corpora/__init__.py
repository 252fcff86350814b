"""Floor 2: readers of speech corpora, alignments, and the crops that training draws from them."""
