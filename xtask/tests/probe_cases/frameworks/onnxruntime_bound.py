# needs: opencv-python-headless onnxruntime openvino dlib-bin
# exit: 0
# success: true
# seen: onnxruntime 4
# seen: onnxruntime device cpu
import threading

import numpy
import onnxruntime
from model_bytes import MODEL

session = onnxruntime.InferenceSession(MODEL, providers=["CPUExecutionProvider"])
x = numpy.ones((1, 2), "float32")
print(session.run(None, {"x": x})[0].tolist())
binding = session.io_binding()
binding.bind_cpu_input("x", x)
binding.bind_output("y")
session.run_with_iobinding(binding)
print(binding.copy_outputs_to_cpu()[0].tolist())
value = onnxruntime.OrtValue.ortvalue_from_numpy(x)
print(session.run_with_ort_values(None, {"x": value})[0].numpy().tolist())
done = threading.Event()


def ready(results, data, error):
    print(results[0].tolist())
    done.set()


session.run_async(None, {"x": x}, ready, None)
done.wait()
