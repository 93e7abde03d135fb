# needs: scikit-learn
# exit: 0
# success: false
# because: never called
from sklearn.datasets import make_blobs
from sklearn.linear_model import LogisticRegression

x, y = make_blobs(60, centers=2, random_state=0)
print(LogisticRegression(), x.shape)
