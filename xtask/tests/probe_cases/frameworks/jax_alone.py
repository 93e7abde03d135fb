# needs: tensorflow-cpu ai-edge-litert jax[cpu] flax equinox dm-haiku
# exit: 0
# success: true
# seen: jax 6+
# seen: jax device cpu
# Functions without a name, with a name of JAX's taste, given their arguments away, and stepped through by JAX's own loops.
import functools

import jax
import jax.numpy as jnp

w = jnp.ones((2, 2))
x = jnp.ones((1, 2))


@jax.jit
def _predict(w, x):
    return jnp.tanh(x @ w)


@functools.partial(jax.jit, donate_argnums=0)
def update(w, x):
    return w - 0.1 * jax.grad(lambda w: jnp.sum(x @ w))(w)


print(_predict(w, x))
print(jax.jit(lambda w, x: x @ w)(w, x))
print(update(jnp.ones((2, 2)), x))
print(jax.lax.scan(lambda carried, _: (carried @ w, None), x, jnp.arange(3))[0])
print(jax.jit(jax.vmap(lambda x: x @ w))(x))
print(jax.jit(lambda x: x @ w).lower(x).compile()(x))
