# exit: 0
# success: false
# because: never called
# A library that calls a model while it is imported.
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "site-packages"))
import eager_library

print("finished", eager_library.TRIED)
