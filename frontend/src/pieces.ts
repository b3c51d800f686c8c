/**
 * Sends a large file in pieces beside each other, joined by the server when all have arrived (tus concatenation). Like
 * a transfer in one piece it is one try, and can be gone on with: each piece has an address and an offset of its own.
 * Knows no protocol: how a piece is carried is handed in.
 */

import type { PartialUpload, UploadTarget } from './types.ts';
import type { Transfer, TransferEvents } from './uploads.ts';

/** Below it, a second connection would hardly have begun before the first is done. */
export const LARGE = 64 * 1024 * 1024;
/** A large file goes alone, and browsers allow six connections to a host: the page itself must get through as well. */
const PIECES = 4;

export interface PieceEvents {
  located(url: string): void;
  progressed(sent: number): void;
  succeeded(): void;
  failed(error: unknown): void;
}

export interface Carrier {
  /** Sends the bytes of the piece that the server lacks; without an address it is created first. */
  carry(bytes: Blob, start: number, url: string | null, events: PieceEvents): Transfer;
  /** Fails when the server does not make them one document, in that order. */
  join(urls: string[]): Promise<void>;
  statusOf(error: unknown): number | null;
}

interface Piece {
  start: number;
  length: number;
  url: string | null;
  sent: number;
}

/** The pieces of a file, with those of them that the server has; null when it is to go in one piece. */
export function piecesOf(size: number, target: UploadTarget): Piece[] | null {
  if (target.url !== null || size < LARGE) return null;
  const each = Math.ceil(size / PIECES);
  const starts = Array.from({ length: PIECES }, (_, index) => index * each);
  const pieces = starts.map((start): Piece => ({ start, length: Math.min(each, size - start), url: null, sent: 0 }));
  for (const partial of target.partials) {
    const piece = pieces.find(({ start, length }) => start === partial.start && length === partial.length);
    // Somebody else's way of dividing it: sent whole, the file does away with it.
    if (!piece) return null;
    piece.url = partial.url;
    piece.sent = partial.offset;
  }
  return pieces;
}

export function sendInPieces(file: File, pieces: Piece[], carrier: Carrier, events: TransferEvents): Transfer {
  let over = false;
  let missing = pieces.length;
  const transfers: Transfer[] = [];
  const stop = (): void => {
    over = true;
    for (const transfer of transfers) transfer.stop();
  };
  const fail = (error: unknown): void => {
    if (over) return;
    stop();
    events.failed(carrier.statusOf(error));
  };
  const join = (): void => {
    const urls = pieces.map(({ url }) => url ?? '');
    carrier.join(urls).then(() => over || events.succeeded(), fail);
  };
  const eventsOf = (piece: Piece): PieceEvents => ({
    located: (url) => {
      piece.url = url;
      events.located({ partials: pieces.flatMap(partialOf) });
    },
    progressed: (sent) => {
      piece.sent = sent;
      if (!over) events.progressed(pieces.reduce((sum, one) => sum + one.sent, 0));
    },
    succeeded: () => {
      missing -= 1;
      if (missing === 0 && !over) join();
    },
    failed: fail,
  });
  for (const piece of pieces) {
    const bytes = file.slice(piece.start, piece.start + piece.length);
    transfers.push(carrier.carry(bytes, piece.start, piece.url, eventsOf(piece)));
  }
  return { stop };
}

function partialOf({ url, start, length, sent }: Piece): PartialUpload[] {
  return url === null ? [] : [{ url, start, length, offset: sent }];
}
