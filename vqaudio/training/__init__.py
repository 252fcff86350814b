"""Floor 2: the pieces a training recipe calls.  No loop lives here."""
