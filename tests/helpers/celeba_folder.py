"""A folder laid out as CelebA is, file by file, with a few dozen drawn faces in place of the photographs."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

DRAWN = ("Blond_Hair", "Eyeglasses", "Smiling", "Wearing_Hat")
NAMES = (
    "5_o_Clock_Shadow", "Arched_Eyebrows", "Attractive", "Bags_Under_Eyes", "Bald", "Bangs", "Big_Lips", "Big_Nose",
    "Black_Hair", "Blond_Hair", "Blurry", "Brown_Hair", "Bushy_Eyebrows", "Chubby", "Double_Chin", "Eyeglasses",
    "Goatee", "Gray_Hair", "Heavy_Makeup", "High_Cheekbones", "Male", "Mouth_Slightly_Open", "Mustache", "Narrow_Eyes",
    "No_Beard", "Oval_Face", "Pale_Skin", "Pointy_Nose", "Receding_Hairline", "Rosy_Cheeks", "Sideburns", "Smiling",
    "Straight_Hair", "Wavy_Hair", "Wearing_Earrings", "Wearing_Hat", "Wearing_Lipstick", "Wearing_Necklace",
    "Wearing_Necktie", "Young",
)  # fmt: skip


def write_celeba(
    folder: Path, count: int = 48, names: Sequence[str] = DRAWN, seed: int = 0, partition: bool = True
) -> np.ndarray:
    """Write the layout, and give the attributes (count, A) as 0 and 1, of which those in DRAWN can be seen.

    Five in eight train, one validates, two test.
    """
    rng = np.random.default_rng(seed)
    attributes = rng.integers(0, 2, (count, len(names)))
    files = [f"{number:06d}.jpg" for number in range(1, count + 1)]
    (folder / "img_align_celeba").mkdir(parents=True)
    for file, row in zip(files, attributes, strict=True):
        drawn = face(dict(zip(names, row.tolist(), strict=True)), rng)
        drawn.save(folder / "img_align_celeba" / file, quality=90)
    rows = [
        file + "".join(f" {2 * value - 1:2d}" for value in row) for file, row in zip(files, attributes, strict=True)
    ]
    (folder / "list_attr_celeba.txt").write_text("\n".join([str(count), " ".join(names) + " ", *rows, ""]))
    if partition:
        lines = [f"{file} {(0, 0, 0, 0, 0, 1, 2, 2)[at % 8]}\n" for at, file in enumerate(files)]
        (folder / "list_eval_partition.txt").write_text("".join(lines))
    return attributes


def face(has: dict[str, int], rng: np.random.Generator) -> Image.Image:
    """178 x 218 pixels: the eyes and the mouth are where CelebA's alignment puts them."""
    image = Image.new("RGB", (178, 218), tuple(rng.integers(60, 200, 3).tolist()))
    draw = ImageDraw.Draw(image)
    skin = tuple((np.array((225, 180, 150)) * rng.uniform(0.6, 1.05)).astype(int).tolist())
    dx, dy = rng.integers(-4, 5, 2).tolist()
    draw.ellipse(
        (35 + dx, 40 + dy, 143 + dx, 150 + dy), fill=(235, 205, 110) if has.get("Blond_Hair") else (50, 35, 30)
    )
    draw.ellipse((46 + dx, 62 + dy, 132 + dx, 188 + dy), fill=skin)
    for x in (69, 108):
        draw.ellipse((x - 7 + dx, 106 + dy, x + 7 + dx, 116 + dy), fill="white")
        draw.ellipse((x - 4 + dx, 107 + dy, x + 4 + dx, 115 + dy), fill=(40, 60, 90))
        if has.get("Eyeglasses"):
            draw.ellipse((x - 17 + dx, 95 + dy, x + 17 + dx, 127 + dy), outline="black", width=4)
    if has.get("Smiling"):
        draw.chord((66 + dx, 132 + dy, 112 + dx, 170 + dy), 0, 180, fill=(130, 20, 30))
    else:
        draw.line((74 + dx, 154 + dy, 104 + dx, 154 + dy), fill=(130, 20, 30), width=5)
    if has.get("Wearing_Hat"):
        draw.rectangle((28 + dx, 66 + dy, 150 + dx, 80 + dy), fill=(30, 90, 60))
        draw.rectangle((50 + dx, 20 + dy, 128 + dx, 70 + dy), fill=(30, 90, 60))
    return image
