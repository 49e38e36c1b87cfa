"""Models whose features a student learns to give; one teacher per file, their configs import no torch."""
