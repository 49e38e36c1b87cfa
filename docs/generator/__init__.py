"""The generated pages of docs/reference, a file per page."""
