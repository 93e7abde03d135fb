# exit: 0
# success: true
# seen: onnxruntime 2
import importlib

import onnxruntime
import onnxruntime.capi.onnxruntime_inference_collection as collection

import model

model.infer()
importlib.reload(collection)
onnxruntime.InferenceSession = collection.InferenceSession
model.infer()
