"""Jobs that outlive a crash: `client.JobQueue` is the bot's side, `server.JobServer` the worker's, and `jobs` has the
plain data that both know. Only this folder knows DBOS."""
