"""Procedural footage: single shots drawn from random numbers, as small as a shot detector sees them."""
