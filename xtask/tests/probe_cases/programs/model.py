"""A matrix of four numbers as an ONNX model, and one inference with it."""

MODEL = (
    b"\x08\x06:[\n\x0f\n\x01x\n\x01w\x12\x01y\"\x04Gemm\x12\x01g*\x1b\x08\x02\x08\x02\x10\x01\"\x10\x00\x00\x80?\x00\x00\x00@"
    b"\x00\x00@@\x00\x00\x80@B\x01wZ\x13\n\x01x\x12\x0e\n\x0c\x08\x01\x12\x08\n\x02\x08\x01\n\x02\x08\x02b\x13\n\x01y\x12\x0e"
    b"\n\x0c\x08\x01\x12\x08\n\x02\x08\x01\n\x02\x08\x02B\x04\n\x00\x10\x0b"
)


def session():
    import onnxruntime

    return onnxruntime.InferenceSession(MODEL, providers=["CPUExecutionProvider"])


def feed():
    try:
        import numpy
    except ImportError:
        return [[1.0, 1.0]]
    return numpy.ones((1, 2), dtype="float32")


def infer():
    (row,) = session().run(None, {"x": feed()})[0]
    return [float(value) for value in row]
