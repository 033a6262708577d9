import jpeg from "jpeg-js";

const WIDTH = 1200;
const HEIGHT = 800;

/** A landscape as no camera saw it, a different one for each number, as JPEG. */
export function photograph(number: number): Uint8Array {
  const data = new Uint8Array(WIDTH * HEIGHT * 4);
  const sun = { x: WIDTH * (0.2 + 0.15 * (number % 5)), y: HEIGHT * 0.28 };
  for (let x = 0; x < WIDTH; x++) {
    const ridge =
      HEIGHT * (0.62 + 0.12 * Math.sin(x / (170 + 31 * number) + number) + 0.03 * Math.sin(x / 23));
    for (let y = 0; y < HEIGHT; y++) {
      const pixel = y < ridge ? sky(y, Math.hypot(x - sun.x, y - sun.y), number) : ground(x, y, number);
      data.set([...pixel, 255], (y * WIDTH + x) * 4);
    }
  }
  return jpeg.encode({ width: WIDTH, height: HEIGHT, data: Buffer.from(data.buffer) }, 85).data;
}

type Colour = readonly [red: number, green: number, blue: number];

function sky(y: number, fromSun: number, number: number): Colour {
  const glow = Math.max(0, 1 - fromSun / 420) * 120;
  const depth = (y / HEIGHT) * 90;
  return [
    clamp(70 + 12 * number + depth + glow),
    clamp(110 + depth + glow),
    clamp(190 - 8 * number + glow / 3),
  ];
}

function ground(x: number, y: number, number: number): Colour {
  const grain = 18 * Math.sin(x * 0.7 + y * 1.3) * Math.sin(x * 0.11 - y * 0.37);
  const shade = (y / HEIGHT) * 60;
  return [clamp(90 - shade + grain), clamp(120 - shade + grain + 6 * number), clamp(60 - shade + grain / 2)];
}

const clamp = (value: number): number => Math.min(255, Math.max(0, value));
