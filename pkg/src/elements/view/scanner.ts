/** A QR code from the camera, or from a picture: asked for by a tap, and never the only way. */

import { html, nothing, type TemplateResult } from "lit";
import { Camera } from "../media/camera.js";
import { icon } from "./icons.js";
import { Action, Part } from "./view.js";

export class Scanner extends Part {
  readonly #action = new Action(this.host);
  #camera: Camera | null = null;
  #isLit = false;

  render(found: (text: string) => void, accepts: (text: string) => boolean, testid: string): TemplateResult {
    return html`<div class="scanner">
      <div class="row">
        ${
          Camera.isSupported
            ? html`<button type="button" data-testid="scan" aria-pressed=${this.#camera !== null} @click=${() => (this.#camera === null ? this.#scan(found, accepts) : this.stop())}>
                ${icon("camera")} ${this.t(this.#camera === null ? "scan" : "stop_scan")}</button>`
            : nothing
        }
        ${this.fileButton(found, testid, this.#action)}
        ${this.#camera?.hasLight ? html`<button type="button" aria-pressed=${this.#isLit} @click=${this.#light}>${this.t("light")}</button>` : nothing}
      </div>
      ${this.#camera === null ? nothing : html`<video class="viewfinder" data-testid="viewfinder" playsinline muted aria-label=${this.t("camera_picture")}></video>`}
      ${this.#action.render()}
    </div>`;
  }

  /** A picture of a code from the person's files or photos. */
  fileButton(found: (text: string) => void, testid: string, action: Action): TemplateResult {
    const chosen = (event: Event): void => {
      const input = event.target as HTMLInputElement;
      const [file] = input.files ?? [];
      input.value = "";
      if (file !== undefined) void this.#read(file, found, action);
    };
    return html`<label class="button">${this.t("read_picture")}
      <input type="file" accept="image/*" class="file-input" data-testid=${testid} aria-label=${this.t("read_picture")} @change=${chosen} /></label>`;
  }

  stop(): void {
    this.#camera?.stop();
    this.#camera = null;
    this.#isLit = false;
    this.host.redraw();
  }

  async #read(file: File, found: (text: string) => void, action: Action): Promise<void> {
    const text = await action.run(async () => {
      const { decodeQr } = await import("../../scanner.js");
      return decodeQr(file);
    });
    if (text === null) action.fail(this.t("no_code_found"));
    else if (text !== undefined) found(text);
  }

  async #scan(found: (text: string) => void, accepts: (text: string) => boolean): Promise<void> {
    try {
      this.#camera = await Camera.open();
    } catch {
      this.#action.fail(this.t("camera_refused"));
      return;
    }
    this.#action.clear();
    this.host.redraw();
    await this.host.updateComplete;
    const video = this.find<HTMLVideoElement>(".viewfinder");
    const text = video === null ? null : await this.#camera?.scan(video, accepts);
    this.stop();
    if (text === null || text === undefined) return;
    navigator.vibrate?.(80);
    beep();
    found(text);
  }

  #light = async (): Promise<void> => {
    this.#isLit = !this.#isLit;
    await this.#camera?.light(this.#isLit).catch(() => {
      this.#isLit = false;
    });
    this.host.redraw();
  };
}

/** A short tone: the code was read, for somebody who looks at the other screen. */
function beep(): void {
  try {
    const audio = new AudioContext();
    const tone = audio.createOscillator();
    tone.frequency.value = 880;
    tone.connect(audio.destination);
    tone.onended = () => void audio.close();
    tone.start();
    tone.stop(audio.currentTime + 0.12);
  } catch {
    // Without sound.
  }
}
