"""Makes an icon."""
from PIL import Image

picture = Image.linear_gradient("L").resize((32, 32), Image.ANTIALIAS)
print("icon:", picture.size, "mean", sum(picture.getdata()) // 1024)
