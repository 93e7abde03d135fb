# The part of the probe that knows frameworks: read when the first of them has been imported.
#
# In: PROBE, the core's record of this process. Out: methods of framework classes replaced by ones that count the outermost
# calls of each thread, with the seconds spent in them, the device and the size of the model. A wrapper passes on
# arguments, results and exceptions as they are; what it does itself can fail without anyone noticing.
#
# Nothing is imported here but what is built into the interpreter: a module of the library may be half-way through its own
# import when this is read.

import sys
from _thread import _local
from _weakref import ref
from time import perf_counter as clock, time


FunctionType = type(lambda: None)
CodeType = type((lambda: None).__code__)


def never():
    return False


def always(_):
    return True


def look_like(ours, original):
    """What `functools.update_wrapper` does."""
    annotations = "__annotate__" if hasattr(original, "__annotate__") else "__annotations__"
    for part in ("__module__", "__name__", "__qualname__", "__doc__", "__type_params__", annotations):
        try:
            setattr(ours, part, getattr(original, part))
        except Exception:
            pass
    vars(ours).update(getattr(original, "__dict__", {}))
    ours.__wrapped__ = original
    ours.__repro_probe__ = True


class Depth(_local):
    """Is this thread inside a counted call?"""

    n = 0


class Counter(object):
    """What one framework was seen doing."""

    def __init__(self, name):
        self.name = name
        self.sites = []
        # Keras runs its models as functions of TensorFlow: one call, not two.
        related = PROBE.counters.get({"keras": "tensorflow", "tensorflow": "keras"}.get(name))
        self.depth = related.depth if related is not None else Depth()
        self.fresh()

    def fresh(self):
        self.calls = 0
        self.without = 0
        self.fits = 0
        self.failed = 0
        self.seconds = 0.0
        # When the last call that counts returned, by `clock`.
        self.last = None
        # Library -> calls made while it was imported, before any other.
        self.importing = {}
        self.parameters = None
        self.devices = []
        self.models = []
        self.peak = None
        self.at_least = False
        self.tired = False
        self.depth.n = 0
        self.next_look = 1
        # id of a model -> (weak reference, is it a model at all, parameters): counting parameters is slow.
        self.known = {}

    def seen(self):
        return self.calls or self.without or self.fits or self.failed

    def record(self):
        record = {"calls": self.calls, "seconds": self.seconds}
        if self.last is not None:
            record["last_call"] = time() - (clock() - self.last)
        if self.without:
            record["calls_without_parameters"] = self.without
        if self.importing:
            record["while_importing"] = self.importing
        if self.fits:
            record["fits"] = self.fits
        if self.failed:
            record["failed_calls"] = self.failed
        if self.parameters:
            record["parameters"] = int(self.parameters)
        if self.devices:
            record["device"] = self.devices[0]
            record["devices"] = self.devices
        if self.models:
            record["models"] = self.models
        if self.peak:
            record["peak_gpu_bytes"] = int(self.peak)
        if self.at_least:
            record["at_least"] = True
        return record

    def add_device(self, device):
        device = str(device)
        if device not in self.devices and len(self.devices) < 8:
            self.devices.append(device)

    def judge(self, owner, look):
        """Is `owner` a model, and how large? `look(owner)` gives None for something that is none."""
        found = self.known.get(id(owner))
        if found is not None and found[0]() is owner:
            return found[1]
        try:
            size = look(owner)
        except Exception:
            size = 0
        try:
            if len(self.known) > 4096:
                self.known.clear()
            self.known[id(owner)] = (ref(owner), size)
        except TypeError:
            pass
        if size is not None:
            self.parameters = max(self.parameters or 0, size)
            kind = type(owner)
            if kind.__module__ != "builtins" and kind.__name__ not in self.models and len(self.models) < 8:
                self.models.append(kind.__name__)
        return size

    def called(self, site, owner, arguments, start, end):
        """Notes one outermost call that has returned."""
        self.seconds += end - start
        counts = site.fit or self.judge(owner, site.look) is not None
        if counts and not (self.calls or self.fits):
            library = imported_now()
            if library is not None:
                self.importing[library] = self.importing.get(library, 0) + 1
                counts = False
        if not counts:
            self.without += 1
        elif site.fit:
            self.fits += 1
        else:
            self.calls += 1
        if counts:
            self.last = end
        total = self.calls + self.fits
        if counts and total >= self.next_look:
            self.next_look = total * 2
            try:
                self.add_device(site.device(owner, arguments if site.owner else arguments[1:]))
            except Exception:
                # An array that is given away by the call, say, has no device any more.
                pass
            self.give_way(site, total)
        if end >= PROBE.due and (counts or not total):
            PROBE.write(False)

    def give_way(self, site, total):
        """Stops counting where counting would be felt, by more than one per cent: a long run of very short calls."""
        if total < 16384 or self.tired or self.seconds / total > site.cost * 100:
            return
        self.tired = self.at_least = True
        if self.name == "torch" and not torch_lets_go():
            return
        for owner, method, original, ours in self.sites:
            if vars(owner).get(method) is ours:
                setattr(owner, method, original)


def imported_now():
    """The library that is being imported: what it tries out then need not be the program's work."""
    frame = sys._getframe(2)
    while frame is not None:
        code = frame.f_code
        if code.co_name == "<module>" and "-packages/" in code.co_filename:
            module = str(frame.f_globals.get("__name__"))
            if module != "__main__":
                return module.split(".")[0]
        frame = frame.f_back
    return None


class Site(object):
    """How to judge the calls of one wrapped method."""

    def __init__(self, look=None, device=None, fit=False, cost=1.5e-6, accepts=always, owner=None):
        self.look = look or (lambda owner: 0)
        self.device = device or (lambda owner, arguments: "cpu")
        self.fit = fit
        # The model, where it is not the first argument of the method.
        self.owner = owner
        # Does a call with this result count? Must not fail.
        self.accepts = accepts
        # Seconds that counting one outermost call costs, with what the calls inside of it cost.
        self.cost = cost


def counter(name):
    found = PROBE.counters.get(name)
    if found is None:
        found = PROBE.counters[name] = Counter(name)
    return found


def counted(name, original, site, skip=None):
    """A function that calls `original` and counts, unless `skip()` says that this call is not a real one."""
    count = counter(name)
    depth = count.depth
    skip = skip or never

    def probed(*arguments, **options):
        if skip() or depth.n or count.tired:
            return original(*arguments, **options)
        # pytest and others leave a frame that says so out of their tracebacks.
        __tracebackhide__ = True
        depth.n = 1
        start = clock()
        try:
            result = original(*arguments, **options)
        except BaseException:
            depth.n = 0
            count.failed += 1
            hide_frames()
            raise
        depth.n = 0
        if site.accepts(result):
            try:
                owner = site.owner or (arguments[0] if arguments else None)
                count.called(site, owner, arguments, start, clock())
            except Exception as error:
                PROBE.failed(error)
        return result

    look_like(probed, original)
    return probed


def wrap(name, owner, methods, site, skip=None):
    """Replaces those of `methods` that `owner` has."""
    for method in methods.split():
        try:
            original = getattr(owner, method, None)
            if original is None or hasattr(original, "__repro_probe__"):
                continue
            ours = counted(name, original, site, skip)
            own = method in vars(owner)
            setattr(owner, method, ours)
            if own:
                counter(name).sites.append((owner, method, original, ours))
        except Exception:
            pass


def wrap_all(name, module, table, site):
    """`table`: one `Class: method method` a line, or `Inner.Class: …`."""
    for line in table.strip().splitlines():
        path, _, methods = line.partition(":")
        owner = module
        for part in path.strip().split("."):
            owner = getattr(owner, part, None)
        if owner is not None:
            wrap(name, owner, methods, site)


def hide_frames():
    """Lets an uncaught exception print the traceback it would have without us.

    Only once an exception has passed through a wrapper, and only where the interpreter's own hook is in place.
    """
    if sys.excepthook is not sys.__excepthook__:
        return
    here = hide_frames.__code__.co_filename

    def strip(error, seen):
        while error is not None and id(error) not in seen:
            seen.add(id(error))
            trace = error.__traceback__
            while trace is not None and trace.tb_frame.f_code.co_filename == here:
                trace = trace.tb_next
            error.__traceback__ = trace
            while trace is not None:
                following = trace.tb_next
                while following is not None and following.tb_frame.f_code.co_filename == here:
                    following = following.tb_next
                trace.tb_next = following
                trace = following
            strip(error.__cause__, seen)
            error = error.__context__

    def excepthook(kind, error, trace):
        sys.excepthook = show = sys.__excepthook__
        try:
            if sys.version_info < (3, 7):
                # Tracebacks cannot be changed there; the core keeps our frames out of what this module prints.
                from traceback import print_exception as show
            else:
                strip(error, set())
                trace = error.__traceback__
        except Exception:
            pass
        show(kind, error, trace)

    sys.excepthook = excepthook


# torch


def torch_size(module):
    torch = sys.modules["torch"]
    # What a program has hooked into tensor functions does not hear of ours. Before torch 1.5 there are no such hooks.
    unheard = getattr(torch._C, "DisableTorchFunction", None)
    if unheard is None:
        return torch_parameters(torch, module)
    with unheard():
        return torch_parameters(torch, module)


def torch_parameters(torch, module):
    loss = sys.modules.get("torch.nn.modules.loss")
    if loss is not None and isinstance(module, loss._Loss):
        return None
    size = 0
    for parameter in module.parameters():
        if parameter.device.type == "meta":
            # Shapes without values: nothing is computed.
            return None
        size += int(parameter.numel())
    if size:
        return size
    # Quantised modules keep their weights as packed parameters.
    if isinstance(module, torch.jit.ScriptModule):
        size = constants_size(module)
    for part in module.modules():
        if hasattr(part, "_packed_params") or hasattr(part, "qweight"):
            size += 1
        weight = getattr(part, "weight", None)
        if "quantized" in type(part).__module__ and callable(weight):
            size += int(weight().numel())
    return size or None


def constants_size(scripted):
    """Frozen modules and traced functions keep their weights as constants."""
    graph = scripted.inlined_graph
    size = 0
    for node in graph.findAllNodes("prim::Constant"):
        kind = node.output().type()
        if kind.kind() == "TensorType":
            size += volume(kind.sizes() or ())
    return size


def script_method_size(method):
    C = sys.modules["torch"]._C

    def size(module):
        own = sum(int(parameter.numel()) for _, parameter in C.ParameterDict(module).items())
        return own + sum(size(inner) for _, inner in C.ModuleDict(module).items())

    return size(method.owner) or constants_size(method) or None


def torch_device(module, arguments):
    for argument in arguments:
        device = getattr(argument, "device", None)
        if device is not None:
            return device
    for parameter in module.parameters():
        return parameter.device
    return "cpu"


def torch_skip():
    """A function that tells tracing from running; torch.compile replaces it by its answer and traces the original only."""
    torch = sys.modules["torch"]
    for place, name in (("compiler", "is_dynamo_compiling"), ("compiler", "is_compiling"), ("_utils", "is_compiling")):
        found = getattr(getattr(torch, place, None), name, None)
        if found is not None:
            return found
    return None


def torch_lets_go():
    """May methods be put back? Not where compiled code relies on what they were when it was compiled."""
    utils = sys.modules.get("torch._dynamo.utils")
    if utils is None:
        return True
    if utils.counters.get("frames"):
        return False
    before = getattr(getattr(utils, "unpatched_nn_module_call", None), "__wrapped__", None)
    if before is not None:
        utils.unpatched_nn_module_call = before
    return True


def torch_module(module):
    inner = 2e-7
    site = Site(torch_size, torch_device)

    def look(owner):
        site.cost = max(site.cost, 1.5e-6 + inner * sum(1 for _ in owner.modules()))
        return torch_size(owner)

    site.look = look
    # `__call__` and not `_call_impl`: torch.compile takes a module whose `__call__` is what it was when torch._dynamo was
    # imported as unpatched, and traces its `forward`.
    wrap("torch", module.nn.Module, "__call__", site, torch_skip())
    tracing = getattr(module._C, "_get_tracing_state", None)
    if tracing is not None:
        # While torch.jit.trace records, looking at a tensor's size would become part of the recording.
        site.accepts = lambda _: tracing() is None
    # Methods of scripted modules other than `forward`, and traced functions.
    for kind, look in (("ScriptMethod", script_method_size), ("ScriptFunction", lambda function: constants_size(function) or None)):
        if hasattr(module._C, kind):
            wrap("torch", getattr(module._C, kind), "__call__", Site(look, torch_argument_device, accepts=site.accepts))
    # A training by hand, out of tensors and functions, has no module to be called.
    wrap("torch", module.autograd, "backward", Site(device=torch_result_device, fit=True), torch_skip())


def compiled_size(function):
    """Parameters of the modules that a compiled function can reach."""
    torch = sys.modules["torch"]
    code = function.__code__
    reached = [cell.cell_contents for cell in function.__closure__ or ()]
    reached += [function.__globals__.get(name) for name in code.co_names]
    reached += [getattr(value, "__self__", None) for value in reached]
    return sum(torch_size(value) or 0 for value in reached if isinstance(value, torch.nn.Module)) or None


def keep_out(module):
    """Tells the compiler not to compile frames of ours; what they call is compiled as ever."""
    skip_code = getattr(module, "skip_code", None) or sys.modules["torch"]._C._dynamo.eval_frame.skip_code
    codes = [value.__code__ for value in globals().values() if isinstance(value, FunctionType)]
    for owner in (Counter, Site):
        codes += [value.__code__ for value in vars(owner).values() if isinstance(value, FunctionType)]
    for code in codes:
        skip_code(code)
        codes += [inner for inner in code.co_consts if isinstance(inner, CodeType)]


def torch_compile(module):
    """Functions made by torch.compile: what they call inside is not seen, so the function itself counts."""
    try:
        keep_out(module)
    except Exception as error:
        PROBE.failed(error)
    context = module.OptimizeContext
    before = context.__call__

    def __call__(self, function):
        made = before(self, function)
        if not isinstance(function, FunctionType) or not isinstance(made, FunctionType) or hasattr(made, "__repro_probe__"):
            return made
        try:
            # Looked at by the first call: what a function closes over may not be there before.
            return counted("torch", made, Site(compiled_size, torch_argument_device, owner=function), torch_skip())
        except Exception:
            return made

    look_like(__call__, before)
    context.__call__ = __call__


def torch_argument_device(_, arguments):
    for argument in arguments:
        device = getattr(argument, "device", None)
        if device is not None:
            return device
    return "cpu"


def torch_result_device(tensors, _):
    return torch_argument_device(None, tensors if isinstance(tensors, (list, tuple)) else [tensors])


# onnxruntime


def onnx_device(session, _):
    providers = session.get_providers()
    first = providers[0] if providers else ""
    return "cpu" if first == "CPUExecutionProvider" else first.replace("ExecutionProvider", "").lower()


def onnxruntime(module):
    site = Site(device=onnx_device)
    for owner in ("Session", "InferenceSession"):
        if hasattr(module, owner):
            wrap("onnxruntime", getattr(module, owner), "run run_with_iobinding run_with_ort_values run_async", site)


# TensorFlow and Keras


def first_leaf(value):
    for _ in range(4):
        if isinstance(value, dict):
            value = next(iter(value.values()), None)
        elif isinstance(value, (list, tuple)):
            value = value[0] if value else None
    return value


def tensor_device(value):
    device = getattr(first_leaf(value), "device", None)
    return str(device).rsplit("device:", 1)[-1].lower() if isinstance(device, str) and device else None


def tensorflow_device(_, arguments):
    device = tensor_device(list(arguments))
    if device:
        return "cpu" if device == "cpu:0" else device
    try:
        devices = sys.modules["tensorflow"].config.list_logical_devices("GPU")
        return "gpu:0" if devices else "cpu"
    except Exception:
        return "cpu"


def volume(shape):
    size = 1
    for side in shape:
        size *= int(side)
    return size


def variables_size(variables):
    return sum(volume(variable.shape) for variable in variables)


WORKING = ("MatMul", "Conv", "Einsum", "LookupTableFind", "TreeEnsemble", "SimpleMLInference")


def graph_works(graph):
    """Does a TensorFlow graph hold what only models have?"""
    return any(any(word in operation.type for word in WORKING) for operation in graph.get_operations())


def concrete_size(function):
    size = variables_size(function.variables) if hasattr(function, "variables") else 0
    if not size:
        # Variables of a restored model are captured as resources.
        for captured in getattr(function, "captured_inputs", []):
            handle = getattr(captured, "_handle_data", None)
            if handle is not None and handle.is_set:
                size += sum(volume(side.size for side in part.shape.dim) for part in handle.shape_and_type)
            elif captured.dtype.is_floating:
                size += volume(captured.shape)
    if not size and not graph_works(function.graph):
        return None
    return size


def function_size(function):
    sizes = [concrete_size(part) for part in function._list_all_concrete_functions()]
    sizes = [size for size in sizes if size is not None]
    return max(sizes) if sizes else None


def session_size(session):
    return 0 if graph_works(session.graph) else None


def eager_only(name, owner, methods, site):
    """As `wrap`, for calls that can also build a graph out of symbolic values, which computes nothing."""
    count = counter(name)

    def symbolic(value):
        value = first_leaf(value)
        kind = type(value).__name__
        if not type(value).__module__.startswith(("keras", "tf_keras", "tensorflow")):
            return False
        return kind in ("KerasTensor", "SymbolicTensor", "Tensor", "Placeholder", "Variable") and not hasattr(value, "_numpy")

    for method in methods.split():
        original = getattr(owner, method, None)
        if original is None or hasattr(original, "__repro_probe__"):
            continue
        ours = counted(name, original, site)

        def choose(ours, original):
            def __call__(self, *arguments, **options):
                if count.depth.n or not arguments or symbolic(list(arguments[:1])):
                    return original(self, *arguments, **options)
                return ours(self, *arguments, **options)

            look_like(__call__, original)
            return __call__

        setattr(owner, method, choose(ours, original))


def keras_size(model):
    try:
        return int(model.count_params())
    except Exception:
        return variables_size(model.weights)


def keras_layer_size(layer):
    if "preprocessing" in type(layer).__module__:
        return None
    return keras_size(layer) or (0 if hasattr(layer, "predict") else None)


def keras_name(module):
    return "tensorflow" if module.__name__.startswith("tensorflow") else "keras"


def keras_model(module):
    methods = "predict predict_on_batch predict_generator evaluate test_on_batch fit fit_generator train_on_batch"
    wrap(keras_name(module), module.Model, methods, Site(keras_size, tensorflow_device))


def keras_layer(module):
    eager_only(keras_name(module), module.Layer, "__call__", Site(keras_layer_size, tensorflow_device))


def building_a_graph():
    """Does a call now only add to a graph, as while saving or converting a model?"""
    context = sys.modules.get("tensorflow.python.eager.context")
    return context is not None and not context.executing_eagerly()


def tensorflow_function(module):
    wrap("tensorflow", module.Function, "__call__", Site(function_size, tensorflow_device), building_a_graph)


def tensorflow_concrete(module):
    wrap("tensorflow", module.ConcreteFunction, "__call__", Site(concrete_size, tensorflow_device), building_a_graph)


def tensorflow_gradient(module):
    wrap("tensorflow", module.GradientTape, "gradient", Site(device=tensorflow_device, fit=True), building_a_graph)


def tensorflow_session(module):
    # Running operations such as an initialiser gives `None`.
    site = Site(session_size, tensorflow_device, accepts=lambda result: result is not None)
    wrap("tensorflow", module.BaseSession, "run", site)


def tflite(module):
    site = Site()
    wrap_all("tflite", module, "Interpreter: invoke\nSignatureRunner: __call__", site)


# JAX: a compiled function comes back to Python only until its fast path is made, so calls are a lower bound.


def jax_size(executable):
    name = getattr(executable, "name", "") or ""
    if name.startswith("jit_"):
        name = name[4:]
    name = name[4:-1] if name.startswith("jit(") else name
    if name in ("scan", "while", "fn"):
        # What a program steps through by JAX's own loops.
        return jax_multiplies(executable)
    if name.startswith("_"):
        own = any(hasattr(module, name) for key, module in list(sys.modules.items()) if key.startswith("jax."))
        return None if own else jax_multiplies(executable)
    for module in ("jax.numpy", "jax.lax", "jax.random", "jax.nn", "jax.nn.initializers", "jax.scipy.linalg", "jax.numpy.linalg"):
        if hasattr(sys.modules.get(module), name):
            return None
    return None if "convert_element_type" in name else 0


def jax_multiplies(executable):
    text = "".join(module.to_string() for module in executable.xla_executable.hlo_modules())
    return 0 if " dot(" in text or " convolution(" in text else None


def jax_device(owner, arguments):
    executable = getattr(owner, "xla_executable", None)
    if executable is not None:
        device = executable.local_devices()[0]
    else:
        device = next(iter(first_leaf(list(arguments)).devices()))
    return "cpu" if device.platform == "cpu" else "%s:%d" % (device.platform, device.id)


def jax_computes(result):
    """Not while a function is being compiled: it is counted when it runs."""
    return first_leaf(result).__class__.__name__ != "DynamicJaxprTracer"


def jax(module):
    if hasattr(module, "ExecuteReplicated"):
        wrap("jax", module.ExecuteReplicated, "__call__", Site(jax_size, jax_device))
        counter("jax").at_least = True


def flax(module):
    wrap("jax", module.Module, "apply", Site(device=jax_device, accepts=jax_computes))


def jax_layers(module):
    # Outside of compiled functions a model is a sequence of these.
    for layer in ("Linear", "LinearGeneral", "Conv", "ConvND", "ConvNDTranspose", "ConvTranspose", "Embed"):
        if hasattr(module, layer):
            wrap("jax", getattr(module, layer), "__call__", Site(device=jax_device, accepts=jax_computes))


# scikit-learn

PREDICTS = (
    "predict predict_proba predict_log_proba decision_function score_samples transform inverse_transform fit_predict "
    "kneighbors score sample"
)
FITS = "fit partial_fit fit_transform"


def estimator_size(estimator):
    size = 0
    for name, value in list(vars(estimator).items()):
        shape = getattr(value, "shape", None)
        if name.endswith("_") and isinstance(shape, tuple):
            size += volume(shape)
    return size


def scikit_learn(module):
    predicts = Site(estimator_size)
    fits = Site(fit=True)
    base = module.BaseEstimator

    def patch(cls):
        # Those that bring an engine of their own are counted there.
        if cls.__module__.split(".")[0] in ("xgboost", "lightgbm", "catboost", "spacy", "keras"):
            return
        for methods, site in ((PREDICTS, predicts), (FITS, fits)):
            for method in methods.split():
                # Shared methods come from mixins, which are no estimators themselves.
                for part in cls.__mro__:
                    if isinstance(vars(part).get(method), FunctionType):
                        wrap("scikit-learn", part, method, site)

    if hasattr(base, "__repro_probe__"):
        return
    before = vars(base).get("__init_subclass__")

    def __init_subclass__(cls, **options):
        if before is not None:
            before.__get__(None, cls)(**options)
        else:
            super(base, cls).__init_subclass__(**options)
        try:
            patch(cls)
        except Exception:
            pass

    base.__init_subclass__ = classmethod(__init_subclass__)
    base.__repro_probe__ = True


# Boosting


def xgboost(module):
    wrap("xgboost", module.Booster, "predict inplace_predict", Site(device=xgboost_device))
    wrap("xgboost", module.Booster, "update boost", Site(fit=True))


def xgboost_device(booster, _):
    text = str(booster.save_config())
    return "cuda" if '"device":"cuda' in text or '"gpu_id":"0"' in text else "cpu"


def lightgbm(module):
    wrap("lightgbm", module.Booster, "predict", Site())
    wrap("lightgbm", module.Booster, "update", Site(fit=True))


def catboost(module):
    wrap("catboost", module.CatBoost, "_predict _staged_predict _base_predict", Site())
    wrap("catboost", module.CatBoost, "_fit", Site(fit=True))


# Engines that are extension modules: their classes take new attributes where they were made by pybind11 or as heap types.


def owner_device(owner, _):
    return getattr(owner, "device", None) or "cpu"


def ctranslate2(module):
    wrap_all(
        "ctranslate2",
        module,
        """
        Translator: translate_batch translate_iterable translate_file score_batch generate_tokens
        Generator: generate_batch generate_iterable generate_tokens score_batch forward_batch
        Encoder: forward_batch
        models.Whisper: encode generate align detect_language
        models.Wav2Vec2: encode
        models.Wav2Vec2Bert: encode
        """,
        Site(device=owner_device),
    )


def llama_cpp(module):
    wrap("llama_cpp", module.Llama, "eval embed create_embedding", Site(llama_size))


def llama_cpp_library(module):
    wrap("llama_cpp", module, "llama_decode llama_encode llama_eval", Site())


def llama_size(model):
    try:
        return int(model._model.n_params())
    except Exception:
        return 0


def dlib(module):
    wrap_all(
        "dlib",
        module,
        """
        fhog_object_detector: __call__ run
        simple_object_detector: __call__ run
        shape_predictor: __call__
        cnn_face_detection_model_v1: __call__
        face_recognition_model_v1: compute_face_descriptor
        """,
        Site(),
    )


def opencv(module):
    wrap_all(
        "opencv",
        module,
        """
        dnn_Net: forward forwardAndRetrieve forwardAsync
        dnn_Model: predict
        dnn_DetectionModel: detect
        dnn_ClassificationModel: classify
        dnn_SegmentationModel: segment
        dnn_KeypointsModel: estimate
        dnn_TextDetectionModel: detect
        dnn_TextRecognitionModel: recognize
        FaceDetectorYN: detect
        FaceRecognizerSF: feature
        CascadeClassifier: detectMultiScale detectMultiScale2 detectMultiScale3
        HOGDescriptor: detect detectMultiScale
        face_FaceRecognizer: predict
        ml_StatModel: predict
        dnn_superres_DnnSuperResImpl: upsample
        """,
        Site(),
    )


def spacy_size(pipeline):
    # A blank pipeline only cuts a text into words.
    return 0 if pipeline.pipe_names else None


def spacy(module):
    wrap("spacy", module.Language, "__call__ pipe", Site(spacy_size))


def fasttext(module):
    wrap("fasttext", module._FastText, "predict get_word_vector get_sentence_vector get_nearest_neighbors get_analogies", Site())


def openvino(module):
    wrap_all("openvino", module, "CompiledModel: __call__ infer_new_request\nInferRequest: infer start_async", Site())


def mxnet_device(_, arguments):
    for argument in arguments:
        context = getattr(argument, "context", None)
        if context is not None:
            return str(context).replace("(", ":").replace(")", "")
    return "cpu"


def mxnet(module):
    wrap_all("mxnet", module, "Block: __call__\nBaseModule: predict forward_backward fit score\nExecutor: forward", Site(device=mxnet_device))


def paddle_size(layer):
    size = sum(volume(parameter.shape) for parameter in layer.parameters())
    return size or None


def paddle_device(_, arguments):
    for argument in arguments:
        place = getattr(argument, "place", None)
        if place is not None:
            return str(place).replace("Place(", "").replace(")", "").lower()
    return "cpu"


def paddle_layer(module):
    wrap("paddle", module.Layer, "__call__", Site(paddle_size, paddle_device))


def paddle_executor(module):
    wrap("paddle", module.Executor, "run", Site())


def paddle_inference(module):
    wrap_all("paddle", module, "Predictor: run", Site())


def tensorrt(module):
    site = Site(device=lambda owner, arguments: "cuda")
    wrap_all("tensorrt", module, "IExecutionContext: execute execute_v2 execute_async execute_async_v2 execute_async_v3", site)


def mediapipe_solution(module):
    wrap("mediapipe", module.SolutionBase, "process", Site())


def mediapipe_task(module):
    wrap("mediapipe", module.BaseVisionTaskApi, "_process_image_data _process_video_data _send_live_stream_data", Site())


def gensim(module):
    wrap("gensim", module.KeyedVectors, "most_similar most_similar_cosmul similarity n_similarity doesnt_match distance distances", Site())


def chainer(module):
    wrap("chainer", module.Link, "__call__", Site())


def theano(module):
    wrap_all("theano", module, "Function: __call__", Site())


def vosk(module):
    wrap("vosk", module.KaldiRecognizer, "AcceptWaveform", Site())


HANDLERS = {
    "torch": torch_module,
    "torch._dynamo.eval_frame": torch_compile,
    "onnxruntime.capi.onnxruntime_inference_collection": onnxruntime,
    "tensorflow.python.client.session": tensorflow_session,
    "tensorflow.python.eager.def_function": tensorflow_function,
    "tensorflow.python.eager.function": tensorflow_concrete,
    "tensorflow.python.eager.polymorphic_function.polymorphic_function": tensorflow_function,
    "tensorflow.python.eager.polymorphic_function.concrete_function": tensorflow_concrete,
    "tensorflow.python.eager.polymorphic_function.monomorphic_function": tensorflow_concrete,
    "tensorflow.python.keras.engine.training": keras_model,
    "tensorflow.python.eager.backprop": tensorflow_gradient,
    "tensorflow.python.keras.engine.base_layer": keras_layer,
    "tensorflow.lite.python.interpreter": tflite,
    "tflite_runtime.interpreter": tflite,
    "ai_edge_litert.interpreter": tflite,
    "keras.engine.training": keras_model,
    "keras.engine.base_layer": keras_layer,
    "keras.src.engine.training": keras_model,
    "keras.src.engine.base_layer": keras_layer,
    "keras.src.models.model": keras_model,
    "keras.src.layers.layer": keras_layer,
    "tf_keras.src.engine.training": keras_model,
    "tf_keras.src.engine.base_layer": keras_layer,
    "jax.interpreters.pxla": jax,
    "jax._src.interpreters.pxla": jax,
    "flax.linen.module": flax,
    "flax.nnx.nn.linear": jax_layers,
    "equinox.nn._linear": jax_layers,
    "equinox.nn._conv": jax_layers,
    "haiku._src.basic": jax_layers,
    "haiku._src.conv": jax_layers,
    "sklearn.base": scikit_learn,
    "xgboost.core": xgboost,
    "lightgbm.basic": lightgbm,
    "catboost.core": catboost,
    "ctranslate2": ctranslate2,
    "llama_cpp.llama_cpp": llama_cpp_library,
    "llama_cpp.llama": llama_cpp,
    "dlib": dlib,
    "cv2": opencv,
    "spacy.language": spacy,
    "fasttext.FastText": fasttext,
    "openvino._ov_api": openvino,
    "openvino.runtime.ie_api": openvino,
    "mxnet.gluon.block": mxnet,
    "mxnet.module.base_module": mxnet,
    "mxnet.executor": mxnet,
    "paddle.nn.layer.layers": paddle_layer,
    "paddle.fluid.dygraph.layers": paddle_layer,
    "paddle.base.executor": paddle_executor,
    "paddle.fluid.executor": paddle_executor,
    "paddle.inference": paddle_inference,
    "tensorrt": tensorrt,
    "mediapipe.python.solution_base": mediapipe_solution,
    "mediapipe.tasks.python.vision.core.base_vision_task_api": mediapipe_task,
    "gensim.models.keyedvectors": gensim,
    "chainer.link": chainer,
    "theano.compile.function_module": theano,
    "theano.compile.function.types": theano,
    "vosk": vosk,
}


def loaded(name, module):
    """A watched module has been executed."""
    handler = HANDLERS.get(name)
    if handler is not None:
        handler(module)


# What of scikit-learn loads data, splits it, counts in it or changes it, and is no model.
SKLEARN_TOOLS = "sklearn.base sklearn.datasets sklearn.exceptions sklearn.externals sklearn.feature_extraction sklearn.metrics " \
    "sklearn.model_selection sklearn.preprocessing sklearn.utils".split()


def sklearn_held():
    """Which modules hold something of scikit-learn, and whether a model is among it: whoever only borrows a data set or a
    measure has computed something else. Nothing is asked of the objects but their types."""
    estimator = vars(sys.modules["sklearn.base"])["BaseEstimator"] if "sklearn.base" in sys.modules else ()
    held = []
    for name, module in list(sys.modules.items()):
        space = getattr(module, "__dict__", None)
        if name.split(".")[0] == "sklearn" or not isinstance(space, dict):
            continue
        found = [kind for kind in (sklearn_kind(value, estimator) for value in list(space.values())) if kind is not None]
        if found and len(held) < 50:
            held.append({"module": name, "file": str(space.get("__file__") or ""), "models": True in found})
    return held


def sklearn_kind(value, estimator):
    """None for what is not of scikit-learn, else whether it is a model or may give one."""
    kind = type(value)
    if issubclass(kind, type(sys)):
        name = str(vars(value).get("__name__"))
        if name == "sklearn" or name.startswith("sklearn."):
            return not is_below(name, SKLEARN_TOOLS)
        return None
    owner = kind
    if issubclass(kind, type):
        owner = value
    elif kind.__name__ in ("function", "builtin_function_or_method", "cython_function_or_method"):
        return False if str(getattr(value, "__module__", None)).startswith("sklearn.") else None
    module = str(vars(owner).get("__module__"))
    if not module.startswith("sklearn."):
        return None
    return not is_below(module, SKLEARN_TOOLS) and issubclass(owner, estimator)


def is_below(name, packages):
    return any(name == package or name.startswith(package + ".") for package in packages)


def at_write():
    """Looks up what only the framework itself can tell, without starting anything."""
    torch = sys.modules.get("torch")
    cuda = getattr(torch, "cuda", None)
    count = PROBE.counters.get("torch")
    # Before torch 1.3 nobody can ask; memory on a GPU is then not told.
    initialized = getattr(cuda, "is_initialized", None)
    if count is not None and initialized is not None and initialized():
        count.peak = max(cuda.max_memory_allocated(device) for device in range(cuda.device_count()))
