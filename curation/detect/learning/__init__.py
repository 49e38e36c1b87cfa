"""Learning a shot detector: single shots, joined on the fly into samples with known transitions."""
