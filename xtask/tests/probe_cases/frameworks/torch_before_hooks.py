# base: python:3.7-slim-bookworm
# needs: torch==1.2.0 numpy<1.18
# exit: 0
# success: true
# seen: torch 1
# seen: torch parameters 8
# seen: torch device cpu
import torch

print(torch.nn.Linear(3, 2)(torch.ones(1, 3)).shape)
