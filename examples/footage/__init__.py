"""Renders the demo's footage: short films with picture, sound and narration, all of it procedural.

`films.py` says what is in each film, `scenes/` draws the places, `film.py` edits shots into frames and
knows where the true shot boundaries are, `sound.py` and `speech.py` make the sound, `encode.py` and
`render.py` write the files.
"""
