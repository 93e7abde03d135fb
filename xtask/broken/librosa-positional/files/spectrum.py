"""Finds the loudest mel band of a tone."""
import librosa
import numpy as np

rate = 8000
tone = np.sin(2 * np.pi * 440 * np.arange(rate) / rate).astype(np.float32)
mel = librosa.feature.melspectrogram(tone, rate, n_mels=32)
print("loudest band:", int(mel.mean(axis=1).argmax()))
