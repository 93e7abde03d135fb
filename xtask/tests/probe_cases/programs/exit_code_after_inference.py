# exit: 3
# success: false
# level: built
# seen: onnxruntime 1
import sys

import model

model.infer()
sys.exit(3)
