"""What words mean: WordNet as Arrow files, small hand-made lists, and how alike two words are."""
