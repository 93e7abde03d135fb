# needs: tensorflow-cpu ai-edge-litert jax[cpu] flax equinox dm-haiku
# exit: 0
# success: true
# seen: jax 8+
# seen: jax device cpu
import equinox
import haiku
import jax
import jax.numpy as jnp
from flax import nnx

x = jnp.ones((1, 2))
key = jax.random.PRNGKey(0)
# Not compiled: only the layers are seen.
network = equinox.nn.MLP(2, 3, 4, 1, key=key)
print(network(x[0]), jax.vmap(network)(x))
layer = nnx.Linear(2, 3, rngs=nnx.Rngs(0))
print(layer(x))
function = haiku.transform(lambda x: haiku.Linear(3)(x))
parameters = function.init(key, x)
print(function.apply(parameters, None, x))
# Compiled.
print(equinox.filter_jit(network)(x[0]), nnx.jit(lambda layer, x: layer(x))(layer, x), jax.jit(function.apply)(parameters, None, x))
