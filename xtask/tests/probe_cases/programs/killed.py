# exit: 137
# success: false
# level: built
# seen: onnxruntime 1
import os
import signal

import model

model.infer()
os.kill(os.getpid(), signal.SIGKILL)
