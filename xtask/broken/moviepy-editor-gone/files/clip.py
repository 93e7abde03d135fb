"""Writes a clip of one second and reads it again."""
import numpy as np
from moviepy.editor import ImageSequenceClip, VideoFileClip

frames = [np.full((64, 64, 3), 20 * number, np.uint8) for number in range(10)]
ImageSequenceClip(frames, fps=10).write_videofile("clip.mp4", logger=None)
print("clip:", VideoFileClip("clip.mp4").duration, "seconds")
