"""Untrusted media: sniffing, and decoding in limited child processes."""
