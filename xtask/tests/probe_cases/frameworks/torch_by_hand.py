# needs: torch numpy transformers diffusers ctranslate2 keras
# exit: 0
# success: true
# level: inferred
# seen: torch 0
# seen: torch fits 4
# seen: torch device cpu
# A training out of tensors and functions, then one whose `forward` is called past `__call__`.
import torch
import torch.nn.functional as F

torch.manual_seed(0)
weight = torch.rand(3, 2, requires_grad=True)
for _ in range(2):
    F.cross_entropy(torch.tanh(torch.rand(4, 3) @ weight), torch.tensor([0, 1, 0, 1])).backward()
    weight.data -= 0.1 * weight.grad
print(weight.tolist())


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(3, 2))

    def forward(self, x):
        return F.relu(x @ self.weight)


model = Model()
for _ in range(2):
    torch.autograd.backward([model.forward(torch.rand(4, 3)).sum()])
print(model.weight.grad.tolist())
