"""Floor 4: one file per verb of the `vqaudio` command; heavy imports stand inside the verbs."""
