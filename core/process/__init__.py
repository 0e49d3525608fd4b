"""Parts that bot and worker have in common as processes: command, database, lock, logs, memory, metrics, shutdown."""
