# exit: 0
# success: true
# seen: onnxruntime 8
import threading

import model

model.session()
threads = [threading.Thread(target=model.infer) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
