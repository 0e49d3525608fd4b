"""Jobs that outlive a crash: `client.JobQueue` is the bot's side, `server.JobServer` the worker's, and `jobs` has what
they tell of a job. Only this folder knows DBOS."""
