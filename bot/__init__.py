"""The Discord bot: imports core's plain data and its queue, and never TensorFlow."""
