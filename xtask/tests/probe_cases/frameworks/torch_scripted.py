# needs: torch numpy transformers diffusers ctranslate2 keras
# exit: 0
# success: true
# seen: torch 9+
# seen: torch parameters 16
import torch

torch.manual_seed(0)


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(3, 4)

    def forward(self, x):
        return self.layer(x)

    @torch.jit.export
    def encode(self, x):
        return torch.tanh(self.layer(x))


model = Model().eval()
example = torch.ones(1, 3)
scripted = torch.jit.script(model)
print(scripted(example).tolist())
print(torch.jit.freeze(scripted)(example).tolist())
scripted.save("/tmp/scripted.pt")
loaded = torch.jit.load("/tmp/scripted.pt")
print(loaded.encode(example).tolist())
print(loaded.forward(example).tolist())
# Tracing runs the model too, but what it records must not change; it is not counted.
traced = torch.jit.trace(model, example)
traced.save("/tmp/model.pt")
print(torch.jit.load("/tmp/model.pt")(example).tolist())
weight = torch.ones(3, 4)
function = torch.jit.trace(lambda x: x @ weight, example)
print(function(example).tolist())
print(torch.fx.symbolic_trace(model)(example).tolist())
exported = torch.export.export(model, (example,)).module()
print(exported(example).tolist())
# A function without a weight is no model.
torch.jit.script(torch.nn.functional.relu)(example)
