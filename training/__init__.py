"""Samples to batches to models: the progressive trainer. Nothing here knows how shards were made."""
