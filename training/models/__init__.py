"""The networks. Each file holds one; their configs stand beside them and import no torch."""
