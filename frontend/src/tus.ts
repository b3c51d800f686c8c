/** Sends one file by the tus protocol. One try: what happens after a failure is the queue's to decide. */

import { DetailedError, Upload, type UploadOptions } from 'tus-js-client';
import { piecesOf, sendInPieces, type Carrier } from './pieces.ts';
import type { UploadTarget } from './types.ts';
import type { Transfer, TransferEvents } from './uploads.ts';

const VERSION = '1.0.0';

class JoinRefused extends Error {
  readonly status: number;

  constructor(status: number) {
    super(`The server answered ${status}`);
    this.status = status;
  }
}

function statusOf(error: unknown): number | null {
  if (error instanceof JoinRefused) return error.status;
  return error instanceof DetailedError ? (error.originalResponse?.getStatus() ?? null) : null;
}

const absolute = (address: string): string => new URL(address, window.location.href).href;

function optionsOf(target: UploadTarget, url: string | null): UploadOptions {
  // With an address no endpoint: a lost upload must be reported, not quietly begun anew under a token of its own.
  const place = url ? { uploadUrl: absolute(url) } : { endpoint: absolute(target.endpoint) };
  return {
    ...place,
    headers: { Authorization: `Bearer ${target.token}` },
    chunkSize: Number.POSITIVE_INFINITY,
    retryDelays: null,
    storeFingerprintForResuming: false,
  };
}

/** In pieces if it is large, else in one. */
export function sendByTus(file: File, target: UploadTarget, events: TransferEvents): Transfer {
  const pieces = piecesOf(file.size, target);
  return pieces ? sendInPieces(file, pieces, carrierFor(target), events) : sendWhole(file, target, events);
}

function sendWhole(file: File, target: UploadTarget, events: TransferEvents): Transfer {
  const upload = new Upload(file, {
    ...optionsOf(target, target.url),
    onUploadUrlAvailable: () => {
      if (upload.url) events.located({ url: upload.url });
    },
    onProgress: (sent) => events.progressed(sent),
    onSuccess: () => events.succeeded(),
    onError: (error) => events.failed(statusOf(error)),
  });
  upload.start();
  return { stop: () => void upload.abort(false) };
}

function carrierFor(target: UploadTarget): Carrier {
  return {
    statusOf,
    carry(bytes, start, url, events) {
      const options = optionsOf(target, url);
      const upload = new Upload(bytes, {
        ...options,
        headers: { ...options.headers, 'Upload-Concat': 'partial' },
        // The server knows a piece by it: the same one is there once, however often it is created.
        metadata: { start: String(start) },
        onUploadUrlAvailable: () => {
          if (upload.url) events.located(upload.url);
        },
        onProgress: (sent) => events.progressed(sent),
        onSuccess: () => events.succeeded(),
        onError: (error) => events.failed(error),
      });
      upload.start();
      return { stop: () => void upload.abort(false) };
    },
    async join(urls) {
      const response = await fetch(absolute(target.endpoint), {
        method: 'POST',
        headers: {
          Authorization: `Bearer ${target.token}`,
          'Tus-Resumable': VERSION,
          'Upload-Concat': `final;${urls.map((url) => absolute(url)).join(' ')}`,
        },
      });
      if (!response.ok) throw new JoinRefused(response.status);
    },
  };
}

/** A file that was moved or changed on disk since it was chosen can no longer be read. */
export async function isReadable(file: File): Promise<boolean> {
  try {
    await file.slice(0, 1).arrayBuffer();
    return true;
  } catch {
    return false;
  }
}
