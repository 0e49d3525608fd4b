"""core/performance/attention.py: each way to attend within a window gives the same numbers."""

import os
import subprocess
import sys

ON_JAX = """
import jax, numpy as np
from jax import numpy as jnp
from core.performance import attention

generator = np.random.default_rng(1)
window, count = 8, 24
queries = jnp.asarray(generator.normal(size=(2, count, 2, 3, 4)), jnp.float32)
keys, values = (jnp.asarray(generator.normal(size=(2, count, 2, 4)), jnp.float32) for _ in range(2))
mask = attention.sliding_window_mask(count, window)
segmented = attention.sliding_window_attention(queries, keys, values, mask, window)
fused = attention.fused_attention(queries, keys, values, window, "xla")
np.testing.assert_allclose(segmented, fused, atol=1e-5)

jax.default_backend = lambda: "gpu"
half = queries.astype(jnp.bfloat16)
print([attention.fused_kernel_applies(each, window) for each in (half, queries, half[:, :7])])
"""


def test_the_fused_kernel_gives_what_segments_give():
    """JAX's own attention with a local window is that of segments, which head belongs to which included. The kernel for
    GPUs takes 16 bits and no less than a window."""
    environment = os.environ | {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    result = subprocess.run([sys.executable, "-c", ON_JAX], env=environment, capture_output=True, text=True, check=True)
    assert result.stdout == "[True, False, False]\n"
