"""Clips to captions: what is seen, heard and said, and one fused caption that cites them."""
