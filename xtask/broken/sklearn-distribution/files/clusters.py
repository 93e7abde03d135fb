"""Finds two clusters."""
import numpy as np
from sklearn.cluster import KMeans

points = np.concatenate([np.random.default_rng(0).normal(middle, 0.1, (20, 2)) for middle in (0, 5)])
labels = KMeans(2, n_init=3, random_state=0).fit_predict(points)
print("sizes:", sorted(np.bincount(labels).tolist()))
