# needs: tensorflow-cpu ai-edge-litert jax[cpu] flax equinox dm-haiku
# exit: 0
# success: true
# seen: jax 2+
# seen: jax device cpu
import flax.linen as nn
import jax
import jax.numpy as jnp


class Model(nn.Module):
    @nn.compact
    def __call__(self, x):
        return nn.Dense(3)(x)


model = Model()
parameters = model.init(jax.random.PRNGKey(0), jnp.zeros((1, 2)))
model.apply(parameters, jnp.zeros((1, 2)))


@jax.jit
def predict(w, x):
    return jnp.tanh(x @ w)


for _ in range(5):
    predict(jnp.zeros((2, 3)), jnp.zeros((1, 2)))
