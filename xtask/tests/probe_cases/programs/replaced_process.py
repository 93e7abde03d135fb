# exit: 0
# success: true
# seen: onnxruntime 2
import os
import sys

import model

model.infer()
sys.stdout.flush()
os.execv(sys.executable, [sys.executable, os.path.join(os.path.dirname(os.path.abspath(__file__)), "inference.py")])
