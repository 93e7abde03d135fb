# base: python:3.8-slim-bookworm
# needs: tensorflow-cpu==2.8.* numpy<1.24 protobuf<3.21 tflite-runtime
# exit: 0
# success: true
# seen: keras 4
# seen: tensorflow 3
# seen: tensorflow fits 1
# seen: tflite 2
import tempfile

import numpy
import tensorflow as tf
import tflite_runtime.interpreter

tf.keras.utils.set_random_seed(0)
layer = tf.keras.layers.Dense(2)
print(layer(tf.ones((1, 3))).numpy().tolist())
inputs = tf.keras.Input((3,))
model = tf.keras.Model(inputs, layer(inputs))
model.compile(loss="mse")
with tf.GradientTape() as tape:
    y = tf.reduce_sum(model(tf.ones((1, 3))))
print([part.numpy().tolist() for part in tape.gradient(y, model.trainable_variables)])
print(model.predict(numpy.ones((4, 3))).tolist())
model.fit(numpy.ones((4, 3)), numpy.ones((4, 2)), verbose=0)


class Exported(tf.Module):
    def __init__(self):
        self.weight = tf.Variable(tf.ones((3, 2)))

    @tf.function(input_signature=[tf.TensorSpec((1, 3))])
    def predict(self, x):
        return {"y": tf.matmul(x, self.weight)}


exported = Exported()
print(exported.predict(tf.ones((1, 3))))
folder = tempfile.mkdtemp()
tf.saved_model.save(exported, folder, signatures=exported.predict)
loaded = tf.saved_model.load(folder)
print(loaded.predict(tf.ones((1, 3))), loaded.signatures["serving_default"](tf.ones((1, 3))))
interpreter = tflite_runtime.interpreter.Interpreter(model_content=tf.lite.TFLiteConverter.from_saved_model(folder).convert())
interpreter.allocate_tensors()
interpreter.invoke()
print(interpreter.get_signature_runner()(x=numpy.ones((1, 3), "float32")))
