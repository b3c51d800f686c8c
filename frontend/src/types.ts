/** What the server says about a draft; mirrors the JSON of `/del/utkast`. */

export interface Recipient {
  id: string;
  kind: 'person' | 'organization';
  /** Masked for persons («210794 *****»), grouped for organisations («312 824 450»). */
  display: string;
  /** The whole number, on the page of the draft's author, until it is confirmed. */
  number?: string | null;
  name: string | null;
  label: string;
  confirmed: boolean;
}

export type CopyFailure = 'gone' | 'infected' | 'damaged';

export interface StoredDocument {
  id: string;
  name: string;
  /** Bytes. */
  length: number;
  /** Milliseconds since 1970, or null when the browser did not say. */
  modified_at: number | null;
  /** Bytes that the server has on stable storage. */
  offset: number;
  complete: boolean;
  /** Whether the scanner has found malware in it. */
  infected: boolean;
  /** Whether the server copies it from another share. */
  copying: boolean;
  /** Why it was not copied; empty otherwise. */
  copy_failure: '' | CopyFailure;
}

/** The texts of a share; each is the id of its field in the page, too. */
export const TEXTS = ['title', 'message', 'reference'] as const;
export type Texts = Record<(typeof TEXTS)[number], string>;

export interface Draft extends Texts {
  id: string;
  account_id: string;
  confidential: boolean;
  archived: boolean;
  notify: boolean;
  /** Oslo time to the minute: «2026-12-24T15:30». */
  expires_at: string;
  /** Whether it waits for another member's approval; any change takes that back. */
  proposed: boolean;
  recipients: Recipient[];
  documents: StoredDocument[];
  /** Of the page alone: what to be aware of, by recipient. */
  remarks?: Remarks;
}

/** Remarks by recipient id: `own`, `winding_up`, `first`. */
export type Remarks = Record<string, string[]>;

/** Where and with what right a document's bytes are to be sent. */
export interface UploadTarget {
  endpoint: string;
  token: string;
  /** Set once the document has bytes that were sent in one piece. */
  url: string | null;
  partials: PartialUpload[];
}

/** A piece of the document that is sent beside the others. */
export interface PartialUpload {
  url: string;
  /** Where it begins in the document; null when whoever made it did not say. */
  start: number | null;
  /** Bytes. */
  length: number;
  /** Bytes that the server has on stable storage. */
  offset: number;
}

export interface FieldError {
  field: string;
  message: string;
}

/** An account that may be shared from, with its rules. Moments are Oslo time to the minute. */
export interface ShareAccount {
  id: string;
  name: string;
  /** The public body, for the header; empty where the person shares for one alone. */
  body: string;
  archive_question: boolean;
  confidential: boolean;
  four_eyes: boolean;
  notify: boolean;
  default_expires_at: string;
  earliest: string;
  latest: string;
}

export interface ShareSettings {
  accounts: ShareAccount[];
  /** Today's date in Oslo: «2026-11-24». */
  today: string;
  /** Bytes. */
  max_document_length: number;
}
