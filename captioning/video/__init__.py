"""What is seen in a clip: one file per captioner, and the measurements they share."""
