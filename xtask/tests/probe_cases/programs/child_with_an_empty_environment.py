# exit: 0
# success: true
# seen: onnxruntime 1
import os
import subprocess
import sys

here = os.path.dirname(os.path.abspath(__file__))
print(subprocess.check_output([sys.executable, "-c", "import model; print(model.infer())"], cwd=here, env={}).decode())
