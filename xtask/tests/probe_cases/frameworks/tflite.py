# needs: tensorflow-cpu ai-edge-litert jax[cpu] flax equinox dm-haiku
# exit: 0
# success: true
# seen: tflite 4+
# seen: tflite device cpu
import numpy
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter


class Model(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec((1, 3))])
    def predict(self, x):
        return {"y": tf.matmul(x, tf.reshape(tf.range(6.0), (3, 2)))}


model = Model()
content = tf.lite.TFLiteConverter.from_concrete_functions([model.predict.get_concrete_function()], model).convert()
for kind in (tf.lite.Interpreter, Interpreter):
    interpreter = kind(model_content=content)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], numpy.ones((1, 3), "float32"))
    interpreter.invoke()
    print(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]).tolist())
    print(interpreter.get_signature_runner()(x=numpy.ones((1, 3), "float32")))
