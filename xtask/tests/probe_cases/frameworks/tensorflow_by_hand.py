# needs: tensorflow-cpu ai-edge-litert jax[cpu] flax equinox dm-haiku
# exit: 0
# success: true
# seen: keras 4
# seen: tensorflow 5
# seen: tensorflow fits 2
# seen: tensorflow device cpu
# Layers without a model, loops of a program's own, functions and signatures.
import tempfile

import tensorflow as tf

tf.keras.utils.set_random_seed(0)
x = tf.ones((1, 3))
layer = tf.keras.layers.Dense(2)
print(layer(x).numpy().tolist())
tf.keras.layers.ReLU()(x)


class Model(tf.keras.Model):
    def __init__(self):
        super().__init__()
        self.layer = layer

    def call(self, x):
        return self.layer(x)


model = Model()
with tf.GradientTape() as tape:
    y = tf.reduce_sum(model(x, training=True))
print([part.numpy().tolist() for part in tape.gradient(y, model.trainable_variables)])
print(model.call(x).numpy().tolist())
print(model(x).numpy().tolist())


@tf.function
def step(x):
    with tf.GradientTape() as tape:
        y = tf.reduce_sum(model(x, training=True))
    return tape.gradient(y, model.trainable_variables)


for _ in range(2):
    print([part.numpy().tolist() for part in step(x)])

weight = tf.Variable(tf.ones((3, 2)))
with tf.GradientTape() as tape:
    y = tf.reduce_sum(tf.tanh(x @ weight))
print(tape.gradient(y, weight).numpy().tolist())

folder = tempfile.mkdtemp()
model.export(folder, verbose=False)
loaded = tf.saved_model.load(folder)
print({name: value.numpy().tolist() for name, value in loaded.signatures["serving_default"](x).items()})
print(loaded.serve(x).numpy().tolist())
print(tf.function(lambda x: x @ weight).get_concrete_function(x)(x).numpy().tolist())
