import pynvml

pynvml.nvmlInit()
for number in range(pynvml.nvmlDeviceGetCount()):
    card = pynvml.nvmlDeviceGetHandleByIndex(number)
    print("card", number, "has", pynvml.nvmlDeviceGetMemoryInfo(card).total >> 20, "MiB")
