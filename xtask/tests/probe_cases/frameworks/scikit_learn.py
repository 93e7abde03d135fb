# needs: scikit-learn
# exit: 0
# success: true
# seen: scikit-learn 6+
# seen: scikit-learn fits 4+
import pickle

from sklearn.cluster import KMeans
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

x = [[0, 1], [1, 0], [1, 1], [0, 0]] * 5
y = [0, 1, 1, 0] * 5
model = make_pipeline(StandardScaler(), LogisticRegression()).fit(x, y)
assert list(pickle.loads(pickle.dumps(model)).predict(x)) == list(model.predict(x))
print(RandomForestClassifier(n_estimators=3, n_jobs=2, random_state=0).fit(x, y).predict_proba(x)[:2].tolist())
KMeans(2, n_init=1).fit(x).predict(x)
GridSearchCV(LogisticRegression(), {"C": [1, 2]}, n_jobs=2, cv=2).fit(x, y)
