/** Reads a QR code with the camera: the rear lens, a picture every 150 ms. */

const INTERVAL_MS = 150;
/** A code on a screen is readable at this size, and decoding a frame stays short. */
const FRAME_SIDE = 640;

export class Camera {
  readonly #stream: MediaStream;
  #isStopped = false;

  private constructor(stream: MediaStream) {
    this.#stream = stream;
  }

  static get isSupported(): boolean {
    return typeof navigator !== "undefined" && navigator.mediaDevices?.getUserMedia !== undefined;
  }

  /** Asks the person for the camera; rejects if they refuse or there is none. */
  static async open(): Promise<Camera> {
    const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" }, audio: false });
    return new Camera(stream);
  }

  /** Shows the picture and resolves with the first code that `accepts` takes; null once stopped. */
  async scan(video: HTMLVideoElement, accepts: (text: string) => boolean): Promise<string | null> {
    video.srcObject = this.#stream;
    await video.play();
    const { decodeQr } = await import("../../scanner.js");
    while (!this.#isStopped) {
      const frame = grab(video);
      const text = frame === null ? null : await decodeQr(frame).catch(() => null);
      if (text !== null && accepts(text)) {
        this.stop();
        return text;
      }
      await new Promise((resolve) => setTimeout(resolve, INTERVAL_MS));
    }
    return null;
  }

  /** Whether the lens has a light that can be switched. */
  get hasLight(): boolean {
    const [track] = this.#stream.getVideoTracks();
    return "torch" in ((track?.getCapabilities?.() ?? {}) as object);
  }

  async light(isOn: boolean): Promise<void> {
    const [track] = this.#stream.getVideoTracks();
    await track?.applyConstraints({ advanced: [{ torch: isOn } as MediaTrackConstraintSet] });
  }

  stop(): void {
    this.#isStopped = true;
    for (const track of this.#stream.getTracks()) track.stop();
  }
}

function grab(video: HTMLVideoElement): ImageData | null {
  const { videoWidth, videoHeight } = video;
  if (videoWidth === 0) return null;
  const scale = Math.min(1, FRAME_SIDE / Math.max(videoWidth, videoHeight));
  const [width, height] = [Math.round(videoWidth * scale), Math.round(videoHeight * scale)];
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  context?.drawImage(video, 0, 0, width, height);
  return context?.getImageData(0, 0, width, height) ?? null;
}
