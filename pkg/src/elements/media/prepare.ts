/** Files before they are sent: photos are made smaller and lose what the camera wrote into them; the rest stays as it is. */

import { contentTypeOf, kindOf, type FileKind } from "../session/content.js";

export interface PreparedFile {
  readonly blob: Blob;
  readonly contentType: string;
  readonly filename: string;
  readonly kind: FileKind;
}

/** Of every photo that was made smaller here. */
export const PHOTO_TYPE = "image/jpeg";
/** Longest side of a photo, in pixels: a page of text stays readable. */
const LONGEST_SIDE = 1600;
/** Tried in this order until the photo fits. */
const ATTEMPTS = [
  { scale: 1, quality: 0.85 },
  { scale: 1, quality: 0.7 },
  { scale: 0.75, quality: 0.7 },
  { scale: 0.5, quality: 0.65 },
  { scale: 0.35, quality: 0.6 },
] as const;

/** Why a file cannot be sent. */
export class FileTooLarge extends Error {
  constructor() {
    super("a file is larger than a message may be");
  }
}

/** `FileTooLarge` if the file is larger than `limit` bytes even after that. */
export async function prepare(file: File, limit: number): Promise<PreparedFile> {
  const contentType = contentTypeOf(file);
  const kind = file.type.startsWith("image/") ? "photo" : kindOf({ contentType });
  if (kind === "photo") {
    const photo = await redraw(file, limit);
    if (photo !== null) return photo;
  }
  if (file.size > limit) throw new FileTooLarge();
  return { blob: file, contentType, filename: file.name, kind: kindOf({ contentType }) };
}

/** The picture as a JPEG of its own, with nothing of the file but its pixels; null if this browser cannot read it. */
async function redraw(file: File, limit: number): Promise<PreparedFile | null> {
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    return null;
  }
  try {
    const fit = Math.min(1, LONGEST_SIDE / Math.max(bitmap.width, bitmap.height));
    for (const { scale, quality } of ATTEMPTS) {
      const blob = await encode(bitmap, fit * scale, quality);
      if (blob.size <= limit) return { blob, contentType: PHOTO_TYPE, filename: jpegName(file.name), kind: "photo" };
    }
  } finally {
    bitmap.close();
  }
  throw new FileTooLarge();
}

function encode(bitmap: ImageBitmap, scale: number, quality: number): Promise<Blob> {
  const [width, height] = [bitmap.width, bitmap.height].map((side) => Math.max(1, Math.round(side * scale))) as [
    number,
    number,
  ];
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d");
  if (context === null) throw new Error("this browser draws no pictures");
  context.fillStyle = "#fff"; // JPEG has no transparency
  context.fillRect(0, 0, width, height);
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, width, height);
  return canvas.convertToBlob({ type: PHOTO_TYPE, quality });
}

function jpegName(name: string): string {
  return `${name.replace(/\.[^.]*$/, "") || "photo"}.jpg`;
}
