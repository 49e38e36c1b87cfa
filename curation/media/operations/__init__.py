"""What a sandboxed child can do. These modules run in the child only: they import av and numpy."""
