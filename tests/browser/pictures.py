"""Small pictures: a page has few colours, so that 256 of them at one byte each show it as well as all at three."""

from __future__ import annotations

import base64
import struct
import zlib

from playwright.sync_api import Page

# In a page of Chromium, which reads PNG and counts fast: the most frequent colours, and for every pixel the nearest.
REDUCE = """async (source) => {
  const image = new Image();
  image.src = "data:image/png;base64," + source;
  await image.decode();
  const canvas = Object.assign(document.createElement("canvas"), { width: image.width, height: image.height });
  const pen = canvas.getContext("2d");
  pen.drawImage(image, 0, 0);
  const seen = new Uint32Array(pen.getImageData(0, 0, image.width, image.height).data.buffer);
  const counts = new Map();
  for (const each of seen) counts.set(each, (counts.get(each) ?? 0) + 1);
  const parts = (colour) => [colour & 255, (colour >> 8) & 255, (colour >> 16) & 255];
  const far = (a, b) => (a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2 + (a[2] - b[2]) ** 2;
  const kept = [];
  for (const apart of [60, 0]) { // colours that differ first, then the rest by how often they are seen
    for (const [colour] of [...counts].sort((a, b) => b[1] - a[1])) {
      if (kept.length === 256) break;
      const here = parts(colour);
      if (kept.every((each) => far(each, here) > apart)) kept.push(here);
    }
  }
  const nearest = new Map();
  for (const colour of counts.keys()) {
    const here = parts(colour);
    let best = 0;
    kept.forEach((each, at) => { if (far(each, here) < far(kept[best], here)) best = at; });
    nearest.set(colour, best);
  }
  const bytes = Uint8Array.from(seen, (each) => nearest.get(each));
  let text = "";
  for (let at = 0; at < bytes.length; at += 32768) text += String.fromCharCode(...bytes.subarray(at, at + 32768));
  return { width: image.width, height: image.height, kept: kept.flat(), bytes: btoa(text) };
}"""


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def reduced(page: Page, picture: bytes) -> bytes:
    """A PNG with a palette, made of a PNG; `page` is an empty one to work in."""
    found = page.evaluate(REDUCE, base64.b64encode(picture).decode())
    width, height, pixels = found["width"], found["height"], base64.b64decode(found["bytes"])
    lines = b"".join(b"\0" + pixels[at:at + width] for at in range(0, width * height, width))
    return b"".join([b"\x89PNG\r\n\x1a\n", _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
                     _chunk(b"PLTE", bytes(found["kept"])), _chunk(b"IDAT", zlib.compress(lines, 9)),
                     _chunk(b"IEND", b"")])
