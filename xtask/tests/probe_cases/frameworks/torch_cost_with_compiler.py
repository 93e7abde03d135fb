# needs: torch numpy transformers diffusers ctranslate2 keras
# cost: measured
# exit: 0
# success: true
# seen: torch 16384+
import sys
import time

import torch
import torch._dynamo

torch.set_num_threads(1)
torch.manual_seed(0)
model = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, 64), torch.nn.Linear(64, 10)).eval()
x = torch.ones(1, 64)
with torch.no_grad():
    for _ in range(400000):
        y = model(x)
print(y.tolist())
print("%.3f s of processor time" % time.process_time(), file=sys.stderr)
