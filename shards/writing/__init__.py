"""Fused clips to shards: which samples, in which split and shard; their bytes; the manifest."""
