"""Reads a German sign."""
import pytesseract
from PIL import Image, ImageDraw, ImageFont

sign = Image.new("L", (700, 120), 255)
ImageDraw.Draw(sign).text((20, 20), "Ausgang links", fill=0, font=ImageFont.load_default(size=64))
text = pytesseract.image_to_string(sign, lang="deu").strip()
assert "Ausgang" in text, text
print("the sign says:", text)
