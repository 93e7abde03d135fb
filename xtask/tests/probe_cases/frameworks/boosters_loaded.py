# needs: xgboost-cpu lightgbm catboost scikit-learn
# apt: libgomp1
# exit: 0
# success: true
# seen: xgboost 4
# seen: lightgbm 2
# seen: catboost 2
# Models out of files, each by its own interface and by scikit-learn's.
import os
import subprocess
import sys

import numpy

x = numpy.random.RandomState(0).rand(60, 3)
y = (x[:, 0] > 0.5).astype(int)
if not os.environ.get("TRAINED"):
    code = """
import catboost, joblib, lightgbm, xgboost
from boosters_loaded import x, y
trained = xgboost.XGBClassifier(n_estimators=3, n_jobs=1).fit(x, y)
trained.save_model("/tmp/xgboost.json")
joblib.dump(trained, "/tmp/xgboost.joblib")
lightgbm.train({"verbose": -1, "num_threads": 1}, lightgbm.Dataset(x, y), 3).save_model("/tmp/lightgbm.txt")
joblib.dump(lightgbm.LGBMClassifier(n_estimators=3, verbose=-1, n_jobs=1).fit(x, y), "/tmp/lightgbm.joblib")
catboost.CatBoostClassifier(iterations=3, verbose=0, train_dir="/tmp/catboost").fit(x, y).save_model("/tmp/catboost.cbm")
"""
    subprocess.check_call([sys.executable, "-c", code], env=dict(os.environ, TRAINED="1"))

    import catboost
    import joblib
    import lightgbm
    import xgboost

    booster = xgboost.Booster(model_file="/tmp/xgboost.json")
    print(booster.predict(xgboost.DMatrix(x[:2])).tolist(), booster.inplace_predict(x[:2]).tolist())
    classifier = xgboost.XGBClassifier()
    classifier.load_model("/tmp/xgboost.json")
    print(classifier.predict_proba(x[:2]).tolist(), joblib.load("/tmp/xgboost.joblib").predict(x[:2]).tolist())
    print(lightgbm.Booster(model_file="/tmp/lightgbm.txt").predict(x[:2]).tolist())
    print(joblib.load("/tmp/lightgbm.joblib").predict(x[:2]).tolist())
    print(catboost.CatBoostClassifier().load_model("/tmp/catboost.cbm").predict_proba(x[:2]).tolist())
    print(catboost.CatBoost().load_model("/tmp/catboost.cbm").predict(x[:2]).tolist())
