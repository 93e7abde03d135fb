# exit: 0
# success: true
# seen: onnxruntime 12
# Children that are stopped from outside, between two calls and with no time to say so.
import os
import signal
import subprocess
import sys

import model

here = os.path.dirname(os.path.abspath(__file__))
child = "import model, time\nfor _ in range(4): model.infer()\nprint('ready', flush=True)\ntime.sleep(60)"
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGKILL):
    process = subprocess.Popen(
        [sys.executable, "-c", child], cwd=here, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    print(process.stdout.readline())
    process.send_signal(number)
    print(process.wait())
