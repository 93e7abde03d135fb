"""Counts the devices on the USB by their class."""
from collections import Counter

import usb.core

classes = Counter(device.bDeviceClass for device in usb.core.find(find_all=True))
print("devices:", sum(classes.values()), dict(classes))
