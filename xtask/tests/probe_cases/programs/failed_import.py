# exit: 1
# success: false
# because: exit code 1
import onnxruntime.capi.nothing_here
