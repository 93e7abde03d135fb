# needs: tensorflow-cpu ai-edge-litert jax[cpu] flax equinox dm-haiku
# env: KERAS_BACKEND=numpy
# exit: 0
# success: true
# seen: keras 3
# seen: keras parameters 8
# seen: keras device cpu
import keras
import numpy

keras.utils.set_random_seed(0)
inputs = keras.Input((3,))
model = keras.Model(inputs, keras.layers.Dense(2)(inputs))
print(numpy.asarray(model(numpy.ones((1, 3), "float32"))).tolist())
print(numpy.asarray(model(keras.ops.ones((1, 3)))).tolist())
print(model.predict(numpy.ones((4, 3), "float32"), verbose=0).tolist())
