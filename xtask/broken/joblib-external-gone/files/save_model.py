"""Saves a model and loads it again."""
import numpy as np
from sklearn.externals import joblib
from sklearn.linear_model import LinearRegression

x = np.arange(10.0).reshape(-1, 1)
joblib.dump(LinearRegression().fit(x, 2 * x[:, 0]), "model.pkl")
print("slope:", round(float(joblib.load("model.pkl").coef_[0]), 2))
