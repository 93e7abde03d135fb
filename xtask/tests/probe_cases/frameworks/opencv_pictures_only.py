# needs: opencv-python-headless onnxruntime openvino dlib-bin
# exit: 0
# success: true
# level: ran
import cv2
import numpy

print(cv2.resize(numpy.zeros((4, 4, 3), "uint8"), (2, 2)).shape)
