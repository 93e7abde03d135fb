# exit: 0
# success: false
# because: failed
import model

try:
    model.session().run(None, {"wrong": model.feed()})
except Exception:
    pass
print("finished")
