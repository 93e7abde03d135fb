# needs: xgboost-cpu lightgbm catboost scikit-learn
# apt: libgomp1
# exit: 0
# success: true
# seen: xgboost 2
# seen: xgboost fits 5
# seen: lightgbm 1
# seen: catboost 1
import catboost
import lightgbm
import numpy
import xgboost

x = numpy.random.RandomState(0).rand(60, 3)
y = (x[:, 0] > 0.5).astype(int)
print(xgboost.XGBClassifier(n_estimators=3).fit(x, y).predict(x)[:3].tolist())
print(xgboost.train({}, xgboost.DMatrix(x, y), 2).predict(xgboost.DMatrix(x))[:3].tolist())
print(lightgbm.LGBMClassifier(n_estimators=3, verbose=-1).fit(x, y).predict(x)[:3].tolist())
print(catboost.CatBoostClassifier(iterations=3, verbose=0, train_dir="/tmp/catboost").fit(x, y).predict(x)[:3].tolist())
