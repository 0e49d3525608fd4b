"""The decode loop for processors: the network and its sampling, compiled by Numba. It imports no TensorFlow."""
