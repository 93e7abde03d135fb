# needs: scikit-learn
# exit: 0
# success: false
# because: never called
from sklearn.metrics import accuracy_score

print(accuracy_score([1, 0], [1, 1]))
