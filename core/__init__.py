"""Composing piano music. Knows nothing of Discord, and importing it costs nothing."""
