# exit: 0
# success: false
# level: built
# because: swallowed
import traceback

import model

try:
    model.session().run(None, {"wrong": model.feed()})
except Exception:
    traceback.print_exc()
print("done")
