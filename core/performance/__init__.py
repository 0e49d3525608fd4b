"""The performance model: piano playing as a sequence of events, written by a Transformer."""
