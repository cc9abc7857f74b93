// Sends a file to the studio.
// @ts-check

import { t } from "../lib/i18n.js";
import { Fault } from "./fault.js";

/**
 * The token by which a handler finds the file.
 *
 * @param {File} file
 * @param {((share: number) => unknown) | undefined} onProgress
 * @param {AbortSignal | undefined} signal
 * @returns {Promise<string>}
 */
export function uploadFile(file, onProgress, signal) {
  return new Promise((done, reject) => {
    const request = new XMLHttpRequest();
    const rejectAsLost = () =>
      reject(
        new Fault({
          problem: t("The upload was interrupted."),
          remedy: t("Check that the studio is still running, then try again."),
          lost: true,
        }),
      );
    request.open("PUT", "./uploads");
    request.upload.onprogress = (event) => event.lengthComputable && onProgress?.(event.loaded / event.total);
    request.onerror = rejectAsLost;
    request.onabort = () => reject(new Fault({ problem: t("The upload was cancelled.") }));
    request.onload = () => {
      if (request.status === 200) return done(JSON.parse(request.responseText).token);
      if ([413, 507].includes(request.status)) return reject(new Fault(JSON.parse(request.responseText)));
      return rejectAsLost();
    };
    signal?.addEventListener("abort", () => request.abort());
    request.send(file);
  });
}
