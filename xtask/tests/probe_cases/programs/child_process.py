# exit: 0
# success: true
# seen: onnxruntime 2
import os
import subprocess
import sys

here = os.path.dirname(os.path.abspath(__file__))
for _ in range(2):
    subprocess.check_call([sys.executable, "-c", "import model; model.infer()"], cwd=here)
