# needs: torch numpy transformers diffusers ctranslate2 keras
# exit: 0
# success: false
# because: never called
import torch

print(torch.nn.CrossEntropyLoss(weight=torch.ones(3))(torch.zeros(2, 3), torch.tensor([0, 1])))
print(torch.nn.Softmax(dim=0)(torch.zeros(3)))
