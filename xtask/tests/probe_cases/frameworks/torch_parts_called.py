# needs: torch numpy transformers diffusers ctranslate2 keras
# exit: 0
# success: true
# seen: torch 6
# seen: torch parameters 8
# What a program calls is often not the module itself: `forward`, a method of its own, a function of torch's.
import torch
from torch.func import functional_call

torch.manual_seed(0)


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(3, 2)

    def forward(self, x):
        return self.layer(x)

    @torch.inference_mode()
    def generate(self, x, steps):
        for _ in range(steps):
            x = self(x).repeat(1, 2)[:, :3]
        return x


model = Model().eval()
x = torch.ones(1, 3)
print(model.forward(x).tolist())
print(model.generate(x, 2).tolist())
print(torch.vmap(model)(torch.ones(4, 3)).tolist())
print(functional_call(model, dict(model.named_parameters()), (x,)).tolist())
print(torch.nn.DataParallel(model)(x).tolist())
