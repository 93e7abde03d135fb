# exit: 0
# success: true
# seen: onnxruntime 1
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "site-packages"))
import eager_library

import model

print(eager_library.TRIED, model.infer())
