"""Floor 1: codes on disk, with the stamp of the codec that made them.  Nothing here imports torch or a codec."""
