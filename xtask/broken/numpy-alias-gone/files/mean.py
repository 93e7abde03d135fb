import numpy as np

values = np.arange(10).astype(np.float)
print("mean of the values is", values.mean())
