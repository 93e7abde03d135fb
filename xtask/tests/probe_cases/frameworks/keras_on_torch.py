# needs: torch numpy transformers diffusers ctranslate2 keras
# env: KERAS_BACKEND=torch
# exit: 0
# success: true
# seen: keras 4
# seen: keras fits 0
# seen: keras parameters 8
import keras
import numpy

keras.utils.set_random_seed(0)
inputs = keras.Input((3,))
model = keras.Model(inputs, keras.layers.Dense(2)(inputs))
print(model(numpy.ones((1, 3), "float32")).tolist())
print(model(keras.ops.ones((1, 3))).tolist())
print(model.predict(numpy.ones((4, 3), "float32"), verbose=0).tolist())
model.compile(loss="mse")
model.fit(numpy.ones((4, 3), "float32"), numpy.ones((4, 2), "float32"), verbose=0)
