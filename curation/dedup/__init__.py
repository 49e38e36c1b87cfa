"""Which clips are copies of others: byte for byte, to the eye, or in what they show."""
