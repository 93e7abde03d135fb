# exit: 0
# success: false
# level: ran
# because: never called
try:
    import onnxruntime

    onnxruntime.InferenceSession("/nowhere.onnx").missing()
except Exception:
    pass
print("finished, all results written")
