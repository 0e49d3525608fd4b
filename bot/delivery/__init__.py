"""The way from an accepted request to its answer: admission, leases, the follower of a job, the messenger."""
