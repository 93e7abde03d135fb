# needs: tensorflow-cpu ai-edge-litert jax[cpu] flax equinox dm-haiku
# exit: 0
# success: false
# because: never called
import jax
import jax.numpy as jnp

x = jnp.ones((3, 3))
print(jnp.dot(jnp.zeros((3, 3)), x) + jax.random.normal(jax.random.PRNGKey(0), (3, 3)))
print(jnp.einsum("ij,jk->ik", x, x), jnp.linalg.svd(x), jnp.cov(x), jnp.convolve(x[0], x[1]))
print(jax.image.resize(x, (2, 2), "linear"), jax.random.multivariate_normal(jax.random.PRNGKey(0), x[0], jnp.eye(3)))
