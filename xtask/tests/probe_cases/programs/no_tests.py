# exit: 0
# success: false
# level: built
# because: no tests
# differs: the time in the report
import unittest

import onnxruntime

unittest.TextTestRunner().run(unittest.TestSuite())
