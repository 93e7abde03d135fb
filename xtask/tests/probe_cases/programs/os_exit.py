# exit: 0
# success: true
# seen: onnxruntime 3
import os

import model

for _ in range(3):
    model.infer()
print("leaving", flush=True)
os._exit(0)
