"""Examples: configurations to start from, and the footage that the demo runs on."""
