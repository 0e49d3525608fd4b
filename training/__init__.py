"""Making checkpoints: imports core, and nothing imports it."""
