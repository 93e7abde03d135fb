# needs: scikit-learn
# exit: 0
# success: true
# seen: scikit-learn 4+
# seen: scikit-learn fits 2+
# Pipelines out of a file, called by their own methods and by functions of the library.
import os
import subprocess
import sys

import joblib

x = [[0, 1], [1, 0], [1, 1], [0, 0]] * 5
y = [0, 1, 1, 0] * 5
train = """
import joblib
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
x = [[0, 1], [1, 0], [1, 1], [0, 0]] * 5
y = [0, 1, 1, 0] * 5
joblib.dump(make_pipeline(StandardScaler(), LogisticRegression()).fit(x, y), "/tmp/pipeline.joblib")
joblib.dump(make_pipeline(ColumnTransformer([("a", "passthrough", [0])]), SVC()).fit(x, y), "/tmp/columns.joblib")
"""
subprocess.check_call([sys.executable, "-c", train])
print(joblib.load("/tmp/pipeline.joblib").predict_proba(x[:2]).tolist())
print(joblib.load("/tmp/columns.joblib").decision_function(x[:2]).tolist())
