# needs: torch numpy transformers diffusers ctranslate2 keras
# apt: g++
# exit: 0
# success: true
# level: inferred
# seen: torch 4
# seen: torch fits 3
# seen: torch parameters 22
# seen: torch device cpu
import torch

torch.manual_seed(0)


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 1), torch.nn.PReLU())

    def forward(self, x):
        return self.layers(x)


model = Model()
model.register_forward_hook(lambda module, inputs, output: output * 2)
loss = torch.nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters())
for _ in range(3):
    loss(model(torch.rand(2, 3)), torch.ones(2, 1)).backward()
    optimizer.step()
with torch.no_grad():
    print(model(torch.ones(2, 3)).tolist())
