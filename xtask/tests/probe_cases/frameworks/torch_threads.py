# needs: torch numpy transformers diffusers ctranslate2 keras
# exit: 0
# success: true
# seen: torch 24
import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import torch

model = torch.nn.Sequential(torch.nn.Linear(3, 64), torch.nn.Linear(64, 1)).eval()


def work(_=None):
    with torch.no_grad():
        return model(torch.ones(2, 3)).shape


threads = [threading.Thread(target=work) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
with ThreadPoolExecutor(4) as pool:
    assert len(set(pool.map(work, range(8)))) == 1


async def answer(number):
    if number % 2:
        return work()
    return await asyncio.get_running_loop().run_in_executor(None, work)


async def serve():
    return await asyncio.gather(*[answer(number) for number in range(8)])


print(len(asyncio.run(serve())))
