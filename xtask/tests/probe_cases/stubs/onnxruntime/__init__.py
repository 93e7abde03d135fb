from onnxruntime.capi.onnxruntime_inference_collection import InferenceSession

__version__ = "1.0.stub"
