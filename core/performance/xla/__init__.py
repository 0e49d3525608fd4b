"""The decode loop for GPUs: one program in `keras.ops`, compiled by XLA."""
