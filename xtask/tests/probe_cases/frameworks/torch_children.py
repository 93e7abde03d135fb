# needs: torch numpy transformers diffusers ctranslate2 keras
# exit: 0
# success: true
# seen: torch 6
import torch
import torch.multiprocessing
from torch.utils.data import DataLoader

model = torch.nn.Linear(2, 2)


def work(rank):
    model(torch.zeros(1, 2))


if __name__ == "__main__":
    for batch in DataLoader(torch.zeros(4, 2), batch_size=1, num_workers=2):
        model(batch)
    torch.multiprocessing.spawn(work, nprocs=2)
