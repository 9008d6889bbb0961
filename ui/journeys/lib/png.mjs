// Pictures of pages as small PNGs: pages have few colours, so 256 of them will do.
import { crc32, deflateSync } from "node:zlib";

/**
 * A picture with its 256 most frequent colours; the others become the nearest of them.
 * `rgba` holds four bytes for each pixel.
 */
export function indexed(width, height, rgba) {
  const counts = new Map(), colours = new Uint32Array(width * height);
  for (let i = 0; i < colours.length; i += 1) {
    colours[i] = (rgba[4 * i] << 16) | (rgba[4 * i + 1] << 8) | rgba[4 * i + 2];
    counts.set(colours[i], (counts.get(colours[i]) ?? 0) + 1);
  }
  const palette = [...counts].sort(([a, n], [b, m]) => m - n || a - b).slice(0, 256).map(([colour]) => colour);
  const places = new Map(palette.map((colour, place) => [colour, place]));
  const part = (colour, shift) => (colour >> shift) & 255;
  const far = (a, b) => [16, 8, 0].reduce((sum, shift) => sum + (part(a, shift) - part(b, shift)) ** 2, 0);
  const place = (colour) => {
    if (!places.has(colour)) places.set(colour, palette.reduce((best, one, at) => (far(one, colour) < far(palette[best], colour) ? at : best), 0));
    return places.get(colour);
  };
  const rows = Buffer.alloc(height * (width + 1)); // each begins with its filter: none
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) rows[y * (width + 1) + 1 + x] = place(colours[y * width + x]);
  }
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 3, 0, 0, 0], 8); // eight bits of a palette, and no interlacing
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk("IHDR", head), chunk("PLTE", Buffer.from(palette.flatMap((c) => [part(c, 16), part(c, 8), part(c, 0)]))),
    chunk("IDAT", deflateSync(rows, { level: 9 })), chunk("IEND", Buffer.alloc(0)),
  ]);
}

function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type), data]), out = Buffer.alloc(body.length + 8);
  out.writeUInt32BE(data.length, 0);
  body.copy(out, 4);
  out.writeUInt32BE(crc32(body), body.length + 4);
  return out;
}
