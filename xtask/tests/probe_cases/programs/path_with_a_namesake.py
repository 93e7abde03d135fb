# env: PYTHONPATH=namesakes
# exit: 0
# success: true
# seen: onnxruntime 1
import model
import repro_probe

print(repro_probe.WHO, model.infer())
