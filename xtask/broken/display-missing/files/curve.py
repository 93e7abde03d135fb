"""Draws a curve into a file."""
import matplotlib

matplotlib.use("TkAgg")
import matplotlib.pyplot as plt
import numpy as np

x = np.linspace(0, 6, 50)
plt.plot(x, np.sin(x))
plt.savefig("curve.png")
print("curve with", len(x), "points")
