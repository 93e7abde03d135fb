#!/usr/bin/env python3
"""Draws, writes and speaks the samples of this folder.

Needs Pillow and numpy, the fonts of DejaVu (package fonts-dejavu-core), espeak-ng and ffmpeg. Run it in this folder; the
pictures come out the same each time, speech and video as the installed programs make them.
"""

import csv
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

SANS = "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"
SENTENCE = "The quick brown fox jumps over the lazy dog."
noise = np.random.default_rng(7)


def grain(picture: Image.Image, strength: float) -> Image.Image:
    """A camera's noise: detectors are trained on photographs."""
    pixels = np.asarray(picture).astype(float)
    pixels += noise.normal(0, strength, pixels.shape[:2])[..., None]
    return Image.fromarray(pixels.clip(0, 255).astype("uint8"))


def blurred(size, radius, draw) -> Image.Image:
    """A soft mask, drawn by `draw`."""
    mask = Image.new("L", size, 0)
    draw(ImageDraw.Draw(mask))
    return mask.filter(ImageFilter.GaussianBlur(radius))


def face(picture: Image.Image, x: float, y: float, r: float) -> None:
    """A face seen from the front, centred on (x, y), half as wide as `r` times 1.5."""
    size = picture.size

    def spot(box, colour, radius, strength=255):
        left, top, right, bottom = (x + box[0] * r, y + box[1] * r, x + box[2] * r, y + box[3] * r)
        mask = blurred(size, radius * r, lambda d: d.ellipse((left, top, right, bottom), fill=strength))
        picture.paste(Image.new("RGB", size, colour), (0, 0), mask)

    # Shoulders, neck, hair, ears, head.
    spot((-2.2, 1.5, 2.2, 4.2), (54, 72, 110), 0.04)
    spot((-0.45, 0.6, 0.45, 1.9), (186, 138, 112), 0.05)
    spot((-1.02, -1.45, 1.02, 0.9), (52, 38, 30), 0.05)
    spot((-0.92, -0.2, -0.68, 0.35), (196, 146, 120), 0.03)
    spot((0.68, -0.2, 0.92, 0.35), (196, 146, 120), 0.03)
    spot((-0.78, -1.1, 0.78, 1.12), (222, 176, 148), 0.03)
    # Light from the upper left, shade on the other side and below the chin.
    spot((-0.6, -0.95, 0.25, 0.1), (238, 200, 174), 0.25, 150)
    spot((0.35, -0.5, 0.85, 0.9), (178, 128, 104), 0.2, 140)
    spot((-0.5, 0.85, 0.5, 1.2), (170, 122, 100), 0.12, 130)
    # Hair over the forehead.
    spot((-0.85, -1.35, 0.85, -0.72), (52, 38, 30), 0.06)
    for side in (-1, 1):
        def eye(box):
            return (box[0] + side * 0.34, box[1] - 0.12, box[2] + side * 0.34, box[3] - 0.12)
        spot(eye((-0.26, -0.16, 0.26, 0.16)), (168, 120, 98), 0.06, 190)
        spot(eye((-0.26, -0.34, 0.26, -0.22)), (62, 44, 34), 0.025)
        spot(eye((-0.18, -0.075, 0.18, 0.085)), (238, 234, 230), 0.012)
        spot(eye((-0.085, -0.085, 0.085, 0.085)), (58, 42, 32), 0.01)
        spot(eye((-0.04, -0.04, 0.04, 0.04)), (12, 10, 10), 0.006)
        spot(eye((-0.20, -0.11, 0.20, -0.06)), (70, 48, 40), 0.015)
        spot((side * 0.12 - 0.05, 0.33, side * 0.12 + 0.05, 0.39), (108, 68, 56), 0.02, 220)
        spot((side * 0.45 - 0.2, 0.15, side * 0.45 + 0.2, 0.5), (224, 150, 130), 0.12, 110)
    # Nose, mouth.
    spot((-0.09, -0.1, 0.06, 0.34), (240, 204, 178), 0.05, 180)
    spot((0.06, -0.05, 0.16, 0.36), (180, 130, 106), 0.05, 160)
    spot((-0.3, 0.54, 0.3, 0.66), (172, 88, 84), 0.03)
    spot((-0.26, 0.62, 0.26, 0.75), (196, 110, 102), 0.03)
    spot((-0.29, 0.59, 0.29, 0.64), (104, 48, 48), 0.012)
    spot((-0.2, 0.78, 0.2, 0.84), (184, 134, 110), 0.04, 150)


def portrait() -> Image.Image:
    width, height = 320, 400
    rows = np.linspace(0, 1, height)[:, None, None]
    wall = (1 - rows) * np.array([168, 176, 178]) + rows * np.array([120, 126, 130])
    picture = Image.fromarray(np.broadcast_to(wall, (height, width, 3)).astype("uint8"))
    face(picture, width / 2, height * 0.45, 92)
    return grain(picture.filter(ImageFilter.GaussianBlur(0.6)), 3)


def street() -> Image.Image:
    """A street with houses, two cars, a traffic light and someone on the pavement."""
    width, height = 640, 400
    picture = Image.new("RGB", (width, height), (150, 190, 226))
    draw = ImageDraw.Draw(picture)
    for at, (left, top, colour) in enumerate(
        [(0, 60, (150, 96, 80)), (130, 95, (196, 180, 150)), (400, 80, (120, 118, 124)), (520, 40, (172, 130, 98))]
    ):
        right = left + 130
        draw.rectangle((left, top, right, 270), fill=colour)
        for column in range(3):
            for row in range(3):
                x, y = left + 14 + column * 38, top + 16 + row * 52
                draw.rectangle((x, y, x + 22, y + 32), fill=(58, 70, 86) if (column + row + at) % 3 else (226, 214, 150))
    draw.rectangle((0, 265, width, 290), fill=(178, 176, 170))
    draw.rectangle((0, 290, width, height), fill=(84, 86, 90))
    for x in range(20, width, 110):
        draw.polygon([(x, 342), (x + 56, 342), (x + 50, 350), (x - 8, 350)], fill=(232, 230, 220))
    for left, colour in ((90, (176, 30, 34)), (360, (30, 74, 150))):
        draw.rounded_rectangle((left, 286, left + 170, 330), 14, fill=colour)
        draw.polygon([(left + 32, 288), (left + 58, 252), (left + 120, 252), (left + 146, 288)], fill=colour)
        draw.polygon([(left + 44, 286), (left + 64, 258), (left + 86, 258), (left + 86, 286)], fill=(190, 216, 230))
        draw.polygon([(left + 92, 286), (left + 92, 258), (left + 116, 258), (left + 134, 286)], fill=(190, 216, 230))
        for x in (left + 36, left + 134):
            draw.ellipse((x - 18, 312, x + 18, 348), fill=(22, 22, 24))
            draw.ellipse((x - 8, 322, x + 8, 338), fill=(160, 160, 164))
        draw.ellipse((left + 156, 294, left + 168, 306), fill=(250, 240, 190))
    draw.rectangle((300, 120, 306, 282), fill=(44, 46, 48))
    draw.rounded_rectangle((290, 70, 316, 140), 5, fill=(26, 28, 30))
    for y, colour in ((76, (230, 40, 36)), (98, (80, 66, 20)), (120, (20, 70, 34))):
        draw.ellipse((295, y, 311, y + 16), fill=colour)
    draw.rectangle((566, 236, 580, 284), fill=(40, 44, 70))
    draw.rectangle((584, 236, 598, 284), fill=(40, 44, 70))
    draw.rounded_rectangle((560, 180, 604, 242), 8, fill=(200, 160, 40))
    face(picture, 582, 160, 18)
    return grain(picture.filter(ImageFilter.GaussianBlur(0.8)), 4)


def page() -> Image.Image:
    picture = Image.new("RGB", (640, 220), (252, 251, 248))
    draw = ImageDraw.Draw(picture)
    draw.text((30, 26), "Invoice 1042", font=ImageFont.truetype(SANS, 34), fill=(20, 20, 20))
    for line, text in enumerate([SENTENCE, "Date: 2024-05-01", "Total: 128.50 EUR"]):
        draw.text((30, 86 + line * 38), text, font=ImageFont.truetype(SANS, 24), fill=(20, 20, 20))
    return picture


def table() -> None:
    with open("table.csv", "w", newline="") as out:
        rows = csv.writer(out, lineterminator="\n")
        rows.writerow(["date", "height", "width", "text", "label"])
        for day in range(1, 31):
            height = 5 + day * 0.1 + float(noise.normal(0, 0.05))
            label = day % 2
            text = "a good day" if label else "a bad day"
            rows.writerow([f"2024-04-{day:02}", f"{height:.2f}", f"{height * 0.6 + label:.2f}", text, label])


def clip(street_picture: Image.Image) -> None:
    """Two seconds along the street, ten pictures a second."""
    with tempfile.TemporaryDirectory() as folder:
        for at in range(20):
            left = at * 8
            street_picture.crop((left, 40, left + 320, 280)).resize((320, 240)).save(f"{folder}/{at:03}.png")
        subprocess.run(
            ["ffmpeg", "-v", "error", "-y", "-framerate", "10", "-i", f"{folder}/%03d.png", "-i", "speech.wav"]
            + ["-shortest", "-c:v", "libx264", "-crf", "30", "-pix_fmt", "yuv420p", "-c:a", "aac", "-b:a", "32k"]
            + ["-fflags", "+bitexact", "-flags", "+bitexact", "clip.mp4"],
            check=True,
        )


def speech() -> None:
    """Sixteen thousand samples a second, one channel, sixteen bits: what speech models expect."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["espeak-ng", "-v", "en-us", "-s", "150", "-w", f"{folder}/x.wav", SENTENCE], check=True)
        subprocess.run(
            ["ffmpeg", "-v", "error", "-y", "-i", f"{folder}/x.wav", "-ar", "16000", "-ac", "1", "-c:a", "pcm_s16le"]
            + ["-fflags", "+bitexact", "-flags", "+bitexact", "speech.wav"],
            check=True,
        )


def mesh() -> None:
    """A cube."""
    corners = [(x, y, z) for x in (0, 1) for y in (0, 1) for z in (0, 1)]
    faces = ["1 2 4 3", "5 7 8 6", "1 5 6 2", "3 4 8 7", "1 3 7 5", "2 6 8 4"]
    lines = [f"v {x} {y} {z}" for x, y, z in corners]
    for face_line in faces:
        a, b, c, d = face_line.split()
        lines += [f"f {a} {b} {c}", f"f {a} {c} {d}"]
    Path("mesh.obj").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    portrait().save("portrait.jpg", quality=85)
    scene = street()
    scene.save("street.jpg", quality=80)
    page().save("page.png", optimize=True)
    page().save("page.pdf", resolution=96)
    Path("text.txt").write_text(f"{SENTENCE}\nIt was a bright day in the city of Berlin, and Anna Smith was happy.\n")
    table()
    mesh()
    speech()
    clip(scene)
