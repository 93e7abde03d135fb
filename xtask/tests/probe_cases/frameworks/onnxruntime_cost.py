# needs: onnxruntime scikit-learn
# cost: measured
# exit: 0
# success: true
# seen: onnxruntime 16384+
import sys
import time

import numpy
import onnxruntime
from model_bytes import MODEL

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(MODEL, options, providers=["CPUExecutionProvider"])
x = numpy.ones((1, 2), "float32")
for _ in range(2000000):
    y = session.run(None, {"x": x})
print(y[0].tolist())
print("%.3f s of processor time" % time.process_time(), file=sys.stderr)
