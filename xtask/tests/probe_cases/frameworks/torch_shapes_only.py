# needs: torch numpy transformers diffusers ctranslate2 keras
# exit: 0
# success: false
# because: never called
import torch

# Nothing is computed on this device, and nothing by an export or by a tracer that wants symbols.
with torch.device("meta"):
    print(torch.nn.Linear(3, 2)(torch.ones(1, 3)).shape)
model = torch.nn.Linear(3, 2)
print(len(torch.export.export(model, (torch.ones(1, 3),)).graph.nodes))
print(torch.fx.symbolic_trace(model).graph)
