# needs: opencv-python-headless onnxruntime openvino dlib-bin
# exit: 0
# success: true
# seen: opencv 1
# seen: openvino 2
import cv2
import numpy
import openvino
from model_bytes import MODEL

network = cv2.dnn.readNetFromONNX(numpy.frombuffer(MODEL, numpy.uint8))
network.setInput(numpy.ones((1, 2), "float32"))
print(network.forward().tolist())
core = openvino.Core()
compiled = core.compile_model(core.read_model(MODEL), "CPU")
print(compiled(numpy.ones((1, 2), "float32"))[0].tolist())
request = compiled.create_infer_request()
print(next(iter(request.infer([numpy.ones((1, 2), "float32")]).values())).tolist())
