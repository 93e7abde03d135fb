# exit: 0
# success: true
# seen: onnxruntime 1
import whole_program
