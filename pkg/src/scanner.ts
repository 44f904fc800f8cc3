/** Reads QR codes from images. A separate entry, so that only portals that scan download it. */

import decodeQR from "qr/decode.js";
import { object } from "./arguments.js";
import { TesseraError, invalid } from "./errors.js";

/** Larger pictures are scaled down to this many pixels on the longer side: codes on screens stay readable, memory stays bounded. */
const LONGEST_SIDE = 2048;
/** Time limit for one picture. A still image gets more tries than a camera frame. */
const TIME_LIMIT_MS = 2000;

/** The text of the QR code in a picture, or `null` if none is found. `MALFORMED` if the picture cannot be read at all. */
export async function decodeQr(image: Blob | ImageData): Promise<string | null> {
  const picture = isPixels(image) ? image : await pixels(image);
  return decode(picture) ?? decode(mirrored(picture));
}

function decode({ width, height, data }: Pixels): string | null {
  try {
    return decodeQR({ width, height, data }, { format: "RGBA", timeLimit: TIME_LIMIT_MS, effort: 4 });
  } catch {
    return null; // the decoder throws when it finds nothing
  }
}

/** Mirrors a copy of a picture, for front cameras give mirrored ones. Its memory is aligned, as `Uint32Array` needs it. */
function mirrored({ width, height, data }: Pixels): Pixels {
  const [from, to] = [new Uint32Array(new Uint8ClampedArray(data).buffer), new Uint32Array(width * height)];
  for (let row = 0; row < height; row++) to.set(from.subarray(row * width, (row + 1) * width).reverse(), row * width);
  return { width, height, data: new Uint8ClampedArray(to.buffer) };
}

type Pixels = Pick<ImageData, "width" | "height" | "data">;

function isPixels(image: Blob | ImageData): image is ImageData {
  return ArrayBuffer.isView(object(image, "image")["data"]);
}

async function pixels(image: Blob): Promise<ImageData> {
  if (!(image instanceof Blob)) throw invalid("image is not a Blob or ImageData");
  if (typeof createImageBitmap !== "function" || typeof OffscreenCanvas !== "function") {
    throw new TesseraError("UNSUPPORTED", "this platform decodes no pictures: pass ImageData");
  }
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(image);
  } catch (cause) {
    throw new TesseraError("MALFORMED", "not a picture that this platform reads", { cause });
  }
  const scale = Math.min(1, LONGEST_SIDE / Math.max(bitmap.width, bitmap.height));
  const [width, height] = [
    Math.max(1, Math.round(bitmap.width * scale)),
    Math.max(1, Math.round(bitmap.height * scale)),
  ];
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  if (context === null) throw new TesseraError("UNSUPPORTED", "this platform draws no pictures: pass ImageData");
  context.fillStyle = "#fff"; // a transparent background would be read as black
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, 0, 0, width, height);
  bitmap.close();
  return context.getImageData(0, 0, width, height);
}
