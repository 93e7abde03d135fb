# python: -I
# exit: 0
# success: true
# seen: onnxruntime 1
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import model

model.infer()
