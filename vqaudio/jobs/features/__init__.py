"""Vectors of frames: of codecs and of speech models, in files, and k-means of them."""
