# needs: torch numpy transformers diffusers ctranslate2 keras
# exit: 0
# success: true
# seen: torch 16384+
import torch

torch.set_num_threads(1)
model = torch.nn.Sequential(*[torch.nn.Identity() for _ in range(8)], torch.nn.PReLU())
x = torch.zeros(1)
for _ in range(40000):
    model(x)
