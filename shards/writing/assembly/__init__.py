"""Shards of samples whose bytes lie anywhere: other shards, or files. They are copied, never changed."""
