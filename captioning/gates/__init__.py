"""Which fused captions are good enough to be packed."""
