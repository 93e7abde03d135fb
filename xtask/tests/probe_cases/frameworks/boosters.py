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

x = numpy.random.rand(60, 3)
y = (x[:, 0] > 0.5).astype(int)
xgboost.XGBClassifier(n_estimators=3).fit(x, y).predict(x)
xgboost.train({}, xgboost.DMatrix(x, y), 2).predict(xgboost.DMatrix(x))
lightgbm.LGBMClassifier(n_estimators=3, verbose=-1).fit(x, y).predict(x)
catboost.CatBoostClassifier(iterations=3, verbose=0, train_dir="/tmp/catboost").fit(x, y).predict(x)
