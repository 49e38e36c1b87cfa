"""What is said: recognised once per source, then sliced to its clips."""
