"""Clips as a few perceptual hashes: what looks the same has almost the same bits."""
