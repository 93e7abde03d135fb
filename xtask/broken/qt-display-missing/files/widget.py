"""Draws a label into a file."""
import sys

from PyQt5.QtWidgets import QApplication, QLabel

application = QApplication(sys.argv)
label = QLabel("42")
label.resize(80, 40)
picture = label.grab()
assert picture.save("label.png")
print("label of", picture.width(), "x", picture.height())
