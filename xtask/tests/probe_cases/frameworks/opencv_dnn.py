# needs: opencv-python-headless onnxruntime openvino dlib-bin
# exit: 0
# success: true
# seen: opencv 1
# seen: openvino 1
# seen: dlib 1
import cv2
import dlib
import numpy
import openvino
from model_bytes import MODEL

network = cv2.dnn.readNetFromONNX(numpy.frombuffer(MODEL, numpy.uint8))
network.setInput(numpy.zeros((1, 2), "float32"))
print(network.forward())
core = openvino.Core()
print(core.compile_model(core.read_model(MODEL), "CPU")(numpy.ones((1, 2), "float32"))[0])
print(len(dlib.get_frontal_face_detector()(numpy.zeros((100, 100), "uint8"), 1)))
