"""Sound and pictures of a piece, made in processes beside the model."""
