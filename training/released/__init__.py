"""Released checkpoints: read safely, told apart, compared key by key, and loaded loudly."""
