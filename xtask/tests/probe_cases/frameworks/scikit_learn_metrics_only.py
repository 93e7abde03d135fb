# needs: scikit-learn
# exit: 0
# success: true
# level: ran
from sklearn.metrics import accuracy_score

print(accuracy_score([1, 0], [1, 1]))
