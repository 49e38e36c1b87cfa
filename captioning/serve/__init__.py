"""Starts and watches model servers."""
