# exit: 0
# success: true
# seen: onnxruntime 1
import importlib.machinery
import importlib.util
import inspect

import onnxruntime.capi.onnxruntime_inference_collection as collection

import model

assert type(collection.__loader__) is importlib.machinery.SourceFileLoader
assert "exec_module" not in vars(collection.__loader__)
assert collection.Session.run.__name__ == "run"
assert list(inspect.signature(collection.Session.run).parameters)[:2] == ["self", list(inspect.signature(collection.Session.run).parameters)[1]]
assert importlib.util.find_spec("no_such_module_anywhere") is None
print(model.infer())
