# needs: torch numpy transformers diffusers ctranslate2 keras
# exit: 0
# success: true
# seen: torch 3
import torch

torch.manual_seed(0)
compiled = torch.compile(torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 1)))
for size in (2, 2, 3):
    print(compiled(torch.ones(size, 3)).tolist())
