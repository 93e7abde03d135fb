# needs: jax[cpu] flax
# exit: 0
# success: false
# because: never called
import jax
import jax.numpy as jnp

print(jnp.dot(jnp.zeros((3, 3)), jnp.ones((3, 3))) + jax.random.normal(jax.random.PRNGKey(0), (3, 3)))
