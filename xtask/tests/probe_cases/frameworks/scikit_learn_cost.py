# needs: onnxruntime scikit-learn
# cost: measured
# exit: 0
# success: true
# seen: scikit-learn 16000+
import sys
import time

from sklearn.linear_model import LogisticRegression

model = LogisticRegression().fit([[0], [1]], [0, 1])
for _ in range(100000):
    y = model.predict_proba([[0.5]])
print(y.tolist())
print("%.3f s of processor time" % time.process_time(), file=sys.stderr)
