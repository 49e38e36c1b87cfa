"""Shots of single files, without a run: what `cliploom segment` prints and writes."""
