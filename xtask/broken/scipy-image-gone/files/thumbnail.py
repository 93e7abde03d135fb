"""Makes a thumbnail of a gradient."""
import numpy as np
from scipy.misc import imresize

picture = np.tile(np.arange(128, dtype=np.uint8), (128, 1))
small = imresize(picture, (32, 32))
print("thumbnail:", small.shape, "mean", round(float(small.mean())))
