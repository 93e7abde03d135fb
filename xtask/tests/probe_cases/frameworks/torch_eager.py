# needs: torch numpy
# exit: 0
# success: true
# level: inferred
# seen: torch 3
# seen: torch parameters 22
# seen: torch device cpu
import torch


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 1), torch.nn.PReLU())

    def forward(self, x):
        return self.layers(x)


model = Model()
loss = torch.nn.MSELoss()
for _ in range(3):
    loss(model(torch.zeros(2, 3)), torch.ones(2, 1)).backward()
