"""Raw videos to semantic clips: probe, detect, cut, deduplicate."""
