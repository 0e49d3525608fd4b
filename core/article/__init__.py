"""The article's model: words of a piano roll, GRU layers with self-attention."""
