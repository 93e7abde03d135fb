"""Finds the edges of a square."""
import cv2
import numpy as np

picture = np.zeros((100, 100), np.uint8)
picture[30:70, 30:70] = 255
edges = cv2.Canny(picture, 100, 200)
contours, _ = cv2.findContours(edges, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
print("contours:", len(contours), "edge pixels:", int((edges > 0).sum()))
