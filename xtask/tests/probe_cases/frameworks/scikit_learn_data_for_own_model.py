# needs: scikit-learn
# exit: 0
# success: true
# level: ran
import numpy
from sklearn.base import BaseEstimator
from sklearn.datasets import make_blobs
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import scale


class Nearest(BaseEstimator):
    def learn(self, x, y):
        self.centres = numpy.array([x[y == label].mean(axis=0) for label in numpy.unique(y)])

    def ask(self, x):
        return ((x[:, None] - self.centres) ** 2).sum(axis=2).argmin(axis=1)


x, y = make_blobs(60, centers=2, random_state=0)
x_train, x_test, y_train, y_test = train_test_split(scale(x), y, random_state=0)
model = Nearest()
model.learn(x_train, y_train)
print("accuracy", (model.ask(x_test) == y_test).mean())
