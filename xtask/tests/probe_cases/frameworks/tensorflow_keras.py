# needs: tensorflow-cpu ai-edge-litert jax[cpu] flax equinox dm-haiku
# exit: 0
# success: true
# seen: keras 3
# seen: keras parameters 8
# seen: keras device cpu
# seen: tensorflow 1
# seen: tflite 2
import tempfile

import numpy
import tensorflow as tf

tf.keras.utils.set_random_seed(0)
inputs = tf.keras.Input((3,))
model = tf.keras.Model(inputs, tf.keras.layers.Dense(2)(inputs))
model.compile(loss="mse")
print(model(numpy.ones((1, 3), "float32")).numpy().tolist())
print(model.predict(numpy.ones((4, 3)), verbose=0).tolist())
model.fit(numpy.zeros((4, 3)), numpy.zeros((4, 2)), verbose=0)


class Exported(tf.Module):
    def __init__(self):
        self.weight = tf.Variable(tf.ones((3, 2)))

    @tf.function(input_signature=[tf.TensorSpec((1, 3))])
    def predict(self, x):
        return {"y": tf.matmul(x, self.weight)}


folder = tempfile.mkdtemp()
tf.saved_model.save(Exported(), folder)
loaded = tf.saved_model.load(folder)
loaded.predict(tf.zeros((1, 3)))


@tf.function
def add(a, b):
    return a + b


add(tf.constant(1.0), tf.constant(2.0))
lite = tf.lite.Interpreter(model_content=tf.lite.TFLiteConverter.from_saved_model(folder).convert())
lite.allocate_tensors()
lite.invoke()
lite.get_signature_runner()(x=numpy.zeros((1, 3), "float32"))
