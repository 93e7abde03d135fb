# exit: 0
# success: true
# level: inferred
# seen: onnxruntime 1
import model

print(model.infer())
