"""The bot as a process: its worker's supervisor, logs, metrics, memory, and what Discord asks of it: clock, identifies,
refusals."""
