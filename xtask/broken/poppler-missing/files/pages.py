"""Makes a document and counts the dark pixels of its pages."""
from fpdf import FPDF
from pdf2image import convert_from_bytes

document = FPDF()
for number in range(2):
    document.add_page()
    document.set_font("Helvetica", size=40)
    document.cell(text=f"Page {number + 1}")
pages = convert_from_bytes(bytes(document.output()), dpi=50)
dark = [sum(pixel < 128 for pixel in page.convert("L").getdata()) for page in pages]
assert all(dark)
print("pages:", len(pages), "dark pixels:", dark)
