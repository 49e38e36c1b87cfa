"""Datasets that others made, as shards of ours: rows to samples, media checked and copied as they are."""
