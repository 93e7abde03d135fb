# The core of the probe: started by `repro_probe.pth` in every interpreter of a smoke run, written for Python 3.6 to 3.14.
#
# In: the names FOLDER (where the probe's files are) and EVIDENCE (where records go unless $REPRO_EVIDENCE says otherwise).
# Out: one JSON file per process in that folder. It never prints, never imports a framework, never lets an exception out,
# and is never registered in `sys.modules`, so that a program's own modules cannot shadow it or be shadowed by it.
#
# It is compiled at every start, so it stays small: what patches frameworks is in `repro_probe_frameworks.py`, which is
# read when the first framework has been imported. It is compiled under the file name of importlib's own frozen module,
# because the interpreter cuts frames of that name out of the traceback of a failed import: a program's output stays as
# it would be without the probe.

import atexit
import os
import sys
import time
from _thread import allocate_lock

# Modules that are looked at when they have been imported. The value says which top-level package counts as imported
# (`None`: not a framework). `repro_probe_frameworks.HANDLERS` has what to do for each of them.
WATCHED = {
    "argparse": None,
    "optparse": None,
    "click.core": None,
    "absl.app": None,
    "subprocess": None,
    "traceback": None,
    "torch": "torch",
    "torch._dynamo.eval_frame": "torch",
    "onnxruntime": "onnxruntime",
    "onnxruntime.capi.onnxruntime_inference_collection": "onnxruntime",
    "tensorflow": "tensorflow",
    "tensorflow.python.client.session": "tensorflow",
    "tensorflow.python.eager.def_function": "tensorflow",
    "tensorflow.python.eager.function": "tensorflow",
    "tensorflow.python.eager.polymorphic_function.polymorphic_function": "tensorflow",
    "tensorflow.python.eager.polymorphic_function.concrete_function": "tensorflow",
    "tensorflow.python.eager.polymorphic_function.monomorphic_function": "tensorflow",
    "tensorflow.python.keras.engine.training": "tensorflow",
    "tensorflow.python.eager.backprop": "tensorflow",
    "tensorflow.python.keras.engine.base_layer": "tensorflow",
    "tensorflow.lite.python.interpreter": "tensorflow",
    "tflite_runtime": "tflite_runtime",
    "tflite_runtime.interpreter": "tflite_runtime",
    "ai_edge_litert": "ai_edge_litert",
    "ai_edge_litert.interpreter": "ai_edge_litert",
    "keras": "keras",
    "keras.engine.training": "keras",
    "keras.engine.base_layer": "keras",
    "keras.src.engine.training": "keras",
    "keras.src.engine.base_layer": "keras",
    "keras.src.models.model": "keras",
    "keras.src.layers.layer": "keras",
    "tf_keras.src.engine.training": "keras",
    "tf_keras.src.engine.base_layer": "keras",
    "jax": "jax",
    "jax.interpreters.pxla": "jax",
    "jax._src.interpreters.pxla": "jax",
    "flax.linen.module": "jax",
    "flax.nnx.nn.linear": "jax",
    "equinox.nn._linear": "jax",
    "equinox.nn._conv": "jax",
    "haiku._src.basic": "jax",
    "haiku._src.conv": "jax",
    "sklearn": "sklearn",
    "sklearn.base": "sklearn",
    "xgboost": "xgboost",
    "xgboost.core": "xgboost",
    "lightgbm": "lightgbm",
    "lightgbm.basic": "lightgbm",
    "catboost": "catboost",
    "catboost.core": "catboost",
    "ctranslate2": "ctranslate2",
    "llama_cpp": "llama_cpp",
    "llama_cpp.llama": "llama_cpp",
    "llama_cpp.llama_cpp": "llama_cpp",
    "dlib": "dlib",
    "cv2": "cv2",
    "spacy": "spacy",
    "spacy.language": "spacy",
    "fasttext": "fasttext",
    "fasttext.FastText": "fasttext",
    "openvino": "openvino",
    "openvino._ov_api": "openvino",
    "openvino.runtime.ie_api": "openvino",
    "mxnet": "mxnet",
    "mxnet.gluon.block": "mxnet",
    "mxnet.module.base_module": "mxnet",
    "mxnet.executor": "mxnet",
    "paddle": "paddle",
    "paddle.nn.layer.layers": "paddle",
    "paddle.fluid.dygraph.layers": "paddle",
    "paddle.base.executor": "paddle",
    "paddle.fluid.executor": "paddle",
    "paddle.inference": "paddle",
    "tensorrt": "tensorrt",
    "mediapipe": "mediapipe",
    "mediapipe.python.solution_base": "mediapipe",
    "mediapipe.tasks.python.vision.core.base_vision_task_api": "mediapipe",
    "gensim.models.keyedvectors": "gensim",
    "chainer": "chainer",
    "chainer.link": "chainer",
    "theano": "theano",
    "theano.compile.function_module": "theano",
    "theano.compile.function.types": "theano",
    "vosk": "vosk",
}

# What is reported under another name than that of the import.
NAMES = {"sklearn": "scikit-learn", "cv2": "opencv", "tflite_runtime": "tflite", "ai_edge_litert": "tflite"}

FROZEN = "<frozen importlib."

# The file name of `repro_probe_frameworks.py`'s code. `warnings` takes it for the import system's, so that `stacklevel`
# counts as it would without us; it does not start as importlib's do, because torch.compile refuses to trace those.
OURS = "<repro_probe importlib._bootstrap>"


class Probe(object):
    """What this process has done so far, and the file that says so."""

    def __init__(self, folder):
        self.folder = folder
        self.handlers = None
        self.counters = {}
        self.done = set()
        self.errors = []
        self.fresh()

    def fresh(self):
        """Starts a record of its own, at the start and in a forked child."""
        self.pid = os.getpid()
        self.path = os.path.join(self.folder, "%d-%s.json" % (self.pid, os.urandom(4).hex()))
        self.started = time.time()
        self.importers = getattr(self, "importers", {})
        self.children = 0
        self.help = False
        self.usage_error = None
        self.begun = time.perf_counter()
        self.spent = 0.0
        self.due = 0.0
        self.lock = allocate_lock()
        for counter in list(self.counters.values()):
            counter.fresh()

    def failed(self, error):
        """Something in the probe went wrong: the record says so, the program does not notice."""
        if len(self.errors) < 5:
            self.errors.append("%s: %s" % (type(error).__name__, str(error)[:200]))

    def loaded(self, name):
        """A watched module has been imported."""
        package = WATCHED[name]
        module = sys.modules.get(name)
        if module is None:
            return
        if package is None:
            patch_standard(self, name, module)
        else:
            self.framework_handlers()[0](name, module)
        self.done.add(name)

    def framework_handlers(self):
        """Reads the second file when it is first needed."""
        if self.handlers is None:
            space = {"__name__": "repro_probe_frameworks", "PROBE": self}
            with open(FOLDER + "/repro_probe_frameworks.py", "rb") as source:
                exec(compile(source.read(), OURS, "exec"), space)
            self.handlers = (space["loaded"], space["at_write"], space["sklearn_held"])
        return self.handlers

    def sweep(self):
        """Catches up on modules that were imported past our finder."""
        for name in list(WATCHED):
            if name not in self.done and name in sys.modules:
                spec = getattr(sys.modules[name], "__spec__", None)
                if not getattr(spec, "_initializing", False):
                    quiet(self.loaded, name)

    def write(self, finished):
        """Writes the record, as a whole or not at all."""
        if os.getpid() != self.pid or not self.lock.acquire(False):
            return
        start = time.perf_counter()
        try:
            self.write_locked(finished)
        finally:
            # Whoever is killed has left a record of nearly all calls. Keeping it costs half a percent of the time, and
            # 30 ms ahead of that for those who do little.
            self.spent += time.perf_counter() - start
            self.due = self.begun + 200 * (self.spent - 0.03)
            self.lock.release()

    def write_locked(self, finished):
        imported = {}
        for package in set(WATCHED.values()):
            module = sys.modules.get(package)
            if module is not None:
                version = vars(module).get("__version__")
                imported[NAMES.get(package, package)] = {
                    "version": version if isinstance(version, str) else None,
                    "by": self.importers.get(package),
                }
        if self.handlers is not None:
            quiet(self.handlers[1])
            count = self.counters.get("scikit-learn")
            if finished and "scikit-learn" in imported and not (count and (count.calls or count.fits)):
                quiet(lambda: imported["scikit-learn"].update(held=self.handlers[2]()))
        error = getattr(sys, "last_type", None) if finished else None
        exception = None
        if error is not None:
            exception = "%s: %s" % (getattr(error, "__name__", error), str(getattr(sys, "last_value", ""))[:200])
        record = {
            "schema": 1,
            "pid": self.pid,
            "parent": os.getppid(),
            "python": ".".join(str(part) for part in sys.version_info[:3]),
            "arguments": [str(part)[:200] for part in getattr(sys, "argv", [])[:20]],
            "started": self.started,
            "seconds": round(time.time() - self.started, 3),
            "finished": finished,
            "frameworks": {name: counter.record() for name, counter in self.counters.items() if counter.seen()},
            "imported": imported,
            "exception": exception,
            "help": self.help,
            "usage_error": self.usage_error,
            "children": self.children,
            "probe_errors": self.errors,
        }
        part = self.path + ".part"
        with open(part, "wb") as target:
            target.write(dump(record).encode("ascii"))
        os.chmod(part, 0o644)
        os.rename(part, self.path)


def dump(value):
    """JSON, without the cost of importing `json`."""
    if value is None:
        return "null"
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, int):
        return "%d" % value
    if isinstance(value, float):
        return "%.6f" % value if abs(value) < 1e15 else "null"
    if isinstance(value, dict):
        return "{" + ",".join(dump(str(key)) + ":" + dump(item) for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple, set)):
        return "[" + ",".join(dump(item) for item in value) + "]"
    out = []
    for letter in str(value):
        code = ord(letter)
        if letter in '"\\':
            out.append("\\" + letter)
        elif 32 <= code < 127:
            out.append(letter)
        elif code < 65536:
            out.append("\\u%04x" % code)
        else:
            code -= 65536
            out.append("\\u%04x\\u%04x" % (0xD800 + (code >> 10), 0xDC00 + (code & 0x3FF)))
    return '"' + "".join(out) + '"'


def quiet(function, *arguments):
    """Calls a part of the probe; nothing that goes wrong in it reaches the program."""
    try:
        return function(*arguments)
    except Exception as error:
        probe = getattr(sys, "_repro_probe", None)
        if probe is not None:
            probe.failed(error)
        return None


def importer():
    """The module and file whose `import` is being served."""
    frame = sys._getframe(2)
    while frame is not None:
        filename = frame.f_code.co_filename
        if not filename.startswith(FROZEN) and not filename.endswith("importlib/__init__.py"):
            return {"module": str(frame.f_globals.get("__name__")), "file": filename}
        frame = frame.f_back
    return None


class Finder(object):
    """Asks the other finders for a watched module and runs the probe once that module has been executed.

    The loader is theirs and keeps its type; for one call its `exec_module` is ours.
    """

    def __init__(self, probe):
        self.probe = probe
        self.busy = set()

    def find_spec(self, name, path=None, target=None):
        try:
            if sys.meta_path and sys.meta_path[0] is not self:
                self.probe.sweep()
            if name not in WATCHED or name in self.busy:
                return None
        except Exception:
            return None
        self.busy.add(name)
        try:
            return self.watch(name, path, target)
        finally:
            self.busy.discard(name)

    def watch(self, name, path, target):
        for finder in list(sys.meta_path):
            if finder is self:
                continue
            if not hasattr(finder, "find_spec"):
                # An old kind of finder: the import system knows how to ask it; the sweep finds the module later.
                return None
            spec = finder.find_spec(name, path, target)
            if spec is not None:
                quiet(self.hook, name, spec.loader)
                return spec
        return None

    def hook(self, name, loader):
        if isinstance(loader, type) or not hasattr(loader, "exec_module") or "exec_module" in vars(loader):
            return
        probe = self.probe

        def exec_module(module):
            quiet(loader.__delattr__, "exec_module")
            package = WATCHED[name]
            if package is not None and package not in probe.importers:
                probe.importers[package] = quiet(importer)
            loader.exec_module(module)
            quiet(probe.loaded, name)

        loader.exec_module = exec_module


def patch_standard(probe, name, module):
    """Notes help texts, usage errors and child processes; keeps our frames out of tracebacks that a program prints."""
    if name == "traceback":

        def without_ours(walk):
            def walked(trace):
                for frame, place in walk(trace):
                    if frame.f_code.co_filename != OURS:
                        yield frame, place

            return walked

        for walk in ("walk_tb", "_walk_tb_with_full_positions"):
            if hasattr(module, walk):
                setattr(module, walk, without_ours(getattr(module, walk)))
        return
    if name == "subprocess":
        source = module if hasattr(module, "_fork_exec") else module._posixsubprocess
        key = "_fork_exec" if source is module else "fork_exec"
        original = getattr(source, key)

        def fork_exec(*arguments):
            probe.children += 1
            return original(*arguments)

        setattr(source, key, fork_exec)
        return

    def note(owner, method, action):
        before = vars(owner)[method]

        def noted(*arguments, **options):
            quiet(action, arguments)
            return before(*arguments, **options)

        for part in ("__module__", "__name__", "__qualname__", "__doc__"):
            quiet(setattr, noted, part, getattr(before, part))
        noted.__wrapped__ = before
        setattr(owner, method, noted)

    def helped(_):
        probe.help = True

    def refused(arguments):
        probe.usage_error = str(arguments[1])[:200] if len(arguments) > 1 else ""

    if name == "argparse":
        note(module.ArgumentParser, "print_help", helped)
        note(module.ArgumentParser, "error", refused)
    elif name == "optparse":
        note(module.OptionParser, "print_help", helped)
        note(module.OptionParser, "error", refused)
    elif name == "click.core":
        note(module.Command, "get_help", helped)
    elif name == "absl.app":
        note(module, "usage", helped)


def start():
    if hasattr(sys, "_repro_probe"):
        return
    folder = os.environ.get("REPRO_EVIDENCE") or EVIDENCE
    if not os.path.isdir(folder):
        return
    probe = Probe(folder)
    sys._repro_probe = probe
    sys.meta_path.insert(0, Finder(probe))
    atexit.register(quiet, probe.write, True)

    # What ends a process without its exit handlers: `os._exit` (which is also how multiprocessing's children end) and
    # the exec family.
    def before(name, original):
        def ending(*arguments, **options):
            quiet(probe.write, True)
            return original(*arguments, **options)

        for part in ("__module__", "__name__", "__qualname__", "__doc__"):
            quiet(setattr, ending, part, getattr(original, part))
        setattr(os, name, ending)

    for name in ("_exit", "execv", "execve"):
        before(name, getattr(os, name))

    def forked():
        probe.children += 1

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=lambda: quiet(probe.fresh), after_in_parent=forked)
    else:
        fork = os.fork

        def old_fork():
            pid = fork()
            quiet(probe.fresh if pid == 0 else forked)
            return pid

        os.fork = old_fork
    quiet(probe.sweep)


start()
