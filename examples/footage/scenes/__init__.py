"""The places that are filmed, one per file."""
