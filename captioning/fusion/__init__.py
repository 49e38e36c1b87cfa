"""Several captions become one text, every claim of which cites numbered source lines."""
