"""Numbers of MIDI's controllers that are read and written here."""

SUSTAIN = 64
"""The sustain pedal."""
PEDAL_THRESHOLD = 64
"""The least value, of 0 to 127, at which a pedal counts as down."""
