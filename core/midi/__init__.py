"""MIDI files: those of strangers read in a process with limits, ours written for musicians."""
