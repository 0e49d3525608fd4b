"""The bot as a process: the supervisor of its worker, logs, metrics."""
