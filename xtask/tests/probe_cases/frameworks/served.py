# needs: scikit-learn nbconvert ipykernel fastapi uvicorn
# exit: 0
# success: true
# seen: scikit-learn 13
# Two servers that call their model in worker threads and are stopped from outside.
import os
import signal
import subprocess
import sys
import time
import urllib.request

SERVER = """
import sys, threading
import fastapi, uvicorn
from sklearn.linear_model import LogisticRegression
model = LogisticRegression().fit([[0], [1]], [0, 1])
app = fastapi.FastAPI()

@app.get("/{x}")
def predict(x: float):
    return model.predict_proba([[x]])[0].tolist()

@app.get("/at/once/{x}")
async def predict_at_once(x: float):
    return model.predict([[x]])[0].item()

uvicorn.run(app, port=int(sys.argv[1]), log_level="error")
"""


def ask(port, path):
    for _ in range(300):
        try:
            with urllib.request.urlopen("http://127.0.0.1:%d/%s" % (port, path)) as answer:
                return answer.read().decode()
        except OSError:
            time.sleep(0.1)
    raise SystemExit("no answer")


for port, stop in ((8711, signal.SIGTERM), (8712, signal.SIGINT)):
    server = subprocess.Popen([sys.executable, "-c", SERVER, str(port)], stderr=subprocess.DEVNULL)
    for number in range(6):
        print(ask(port, "%d" % number))
        time.sleep(0.3)
    if stop == signal.SIGINT:
        print(ask(port, "at/once/1"))
    time.sleep(0.3)
    server.send_signal(stop)
    server.wait()
