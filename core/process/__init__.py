"""Parts that bot and worker have in common as processes: database, lock, logs, memory, metrics, shutdown."""
