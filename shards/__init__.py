"""Fused clips to WebDataset shards (`writing`), and shards to samples (`reading`)."""
