/** Files that leave the page for the person's own disk. */

/** How long a browser may take to begin reading what it was given. */
const KEPT_MS = 60_000;

/** Downloads bytes as a file, unchanged. */
export function saveFile(bytes: Uint8Array | string, filename: string, contentType: string): void {
  const url = URL.createObjectURL(new Blob([bytes as BlobPart], { type: contentType }));
  const link = document.createElement("a");
  link.href = url;
  link.download = filename;
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), KEPT_MS);
}

/** Shows a PDF in a new tab, always as a PDF whatever its bytes are. */
export function openPdf(bytes: Uint8Array): void {
  const url = URL.createObjectURL(new Blob([bytes as BlobPart], { type: "application/pdf" }));
  window.open(url, "_blank", "noopener");
  setTimeout(() => URL.revokeObjectURL(url), KEPT_MS);
}
