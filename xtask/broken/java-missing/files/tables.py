"""Reads a table out of a document."""
import tabula
from fpdf import FPDF

rows = [("city", "people"), ("Kiel", "247"), ("Ulm", "126"), ("Jena", "111")]
document = FPDF()
document.add_page()
document.set_font("Helvetica", size=12)
with document.table() as table:
    for row in rows:
        table.row(row)
document.output("cities.pdf")
(frame,) = tabula.read_pdf("cities.pdf", pages=1)
print("people in all:", frame["people"].sum())
