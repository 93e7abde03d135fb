# needs: scikit-learn
# exit: 0
# success: true
# seen: scikit-learn fits 1
from sklearn.tree import DecisionTreeClassifier

DecisionTreeClassifier().fit([[0], [1]], [0, 1])
