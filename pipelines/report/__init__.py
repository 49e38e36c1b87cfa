"""The report of a run: one self-contained HTML page that says what became of every input."""
