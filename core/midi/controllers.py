"""Numbers of MIDI's controllers that are read and written here."""

BANK = 0
VOLUME = 7
EXPRESSION = 11
SUSTAIN = 64
"""The sustain pedal."""
PEDAL_THRESHOLD = 64
"""The least value, of 0 to 127, at which a pedal counts as down."""
ALL_SOUND_OFF = 120
RESET = 121
"""Lifts the pedal and what else a player can hold; the volume stays."""
ALL_NOTES_OFF = 123
"""The higher ones change a mode, and end all notes too."""
