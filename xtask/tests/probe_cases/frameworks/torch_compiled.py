# needs: torch numpy
# exit: 0
# success: true
# seen: torch 4
import torch
import torch._dynamo.utils

model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.utils.parametrizations.weight_norm(torch.nn.Linear(4, 1)))
model[0].register_forward_hook(lambda *_: None)
compiled = torch.compile(model, backend="eager", fullgraph=True)
for _ in range(2):
    compiled(torch.zeros(2, 3))


@torch.compile(backend="eager", fullgraph=True)
def function(x):
    return model(x) + 1


for _ in range(2):
    function(torch.zeros(2, 3))
assert not torch._dynamo.utils.counters["graph_break"]
assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == 2
