"""Images as vectors: what looks alike lies close."""
