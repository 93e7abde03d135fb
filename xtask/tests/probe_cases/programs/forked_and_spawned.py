# exit: 0
# success: true
# seen: onnxruntime 3
import multiprocessing

import model


def work():
    model.infer()


if __name__ == "__main__":
    work()
    for method in ("fork", "spawn"):
        child = multiprocessing.get_context(method).Process(target=work)
        child.start()
        child.join()
        assert child.exitcode == 0
