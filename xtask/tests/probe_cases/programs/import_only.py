# exit: 0
# success: false
# because: never called
import onnxruntime

print("version", onnxruntime.__name__)
