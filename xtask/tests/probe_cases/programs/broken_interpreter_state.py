# exit: 0
# success: true
# seen: onnxruntime 1
import os
import sys

import model

model.infer()
# What programs do to an interpreter on their way out.
os.environ.clear()
sys.argv = None
del sys.meta_path[:]
os.chdir("/")
