# needs: torch numpy transformers diffusers ctranslate2 keras
# exit: 0
# success: true
# seen: torch 7
# seen: torch fits 2
import torch
import torch._dynamo.utils

torch.manual_seed(0)
model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.utils.parametrizations.weight_norm(torch.nn.Linear(4, 1)))
model[0].register_forward_hook(lambda *_: None)
compiled = torch.compile(model, backend="eager", fullgraph=True)
for _ in range(2):
    print(compiled(torch.ones(2, 3)).tolist())


@torch.compile(backend="eager", fullgraph=True)
def function(x):
    return model(x) + 1


for _ in range(2):
    print(function(torch.ones(2, 3)).tolist())
assert not torch._dynamo.utils.counters["graph_break"]
assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == 2

aot = torch.compile(torch.nn.Linear(3, 2), backend="aot_eager", fullgraph=True)
for _ in range(2):
    aot(torch.ones(1, 3)).sum().backward()
in_place = torch.nn.Linear(3, 2)
in_place.compile(backend="eager", fullgraph=True)
print(in_place(torch.ones(1, 3)).tolist())
assert not torch._dynamo.utils.counters["graph_break"]
