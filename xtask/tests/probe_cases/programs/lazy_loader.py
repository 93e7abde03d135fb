# exit: 0
# success: true
# seen: onnxruntime 1
import importlib.util
import sys

import model

for name in ("onnxruntime.capi.onnxruntime_inference_collection", "onnxruntime"):
    spec = importlib.util.find_spec(name)
    spec.loader = importlib.util.LazyLoader(spec.loader)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
print(type(spec.loader).__name__)
model.infer()
