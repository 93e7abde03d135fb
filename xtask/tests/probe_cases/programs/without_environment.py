# python: -E
# exit: 0
# success: true
# seen: onnxruntime 1
import model

model.infer()
