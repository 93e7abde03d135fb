# needs: torch numpy
# exit: 0
# success: true
# seen: torch 5+
import torch


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(3, 4)

    def forward(self, x):
        return self.layer(x)


model = Model().eval()
example = torch.zeros(1, 3)
scripted = torch.jit.script(model)
scripted(example)
torch.jit.freeze(scripted)(example)
# Tracing runs the model too, but what it records must not change; it is not counted.
traced = torch.jit.trace(model, example)
traced.save("/tmp/model.pt")
torch.jit.load("/tmp/model.pt")(example)
torch.fx.symbolic_trace(model)(example)
exported = torch.export.export(model, (example,)).module()
exported(example)
