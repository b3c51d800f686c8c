/** What a chosen file is called: by its path, if it was chosen with the folder that it is in. */

const paths = new WeakMap<File, string>();

export function nameAs(file: File, path: string): File {
  paths.set(file, path);
  return file;
}

export function nameOf(file: File): string {
  return paths.get(file) ?? (file.webkitRelativePath || file.name);
}

const STEPS = ['', '.', '..'];
const WINDOWS = /^(?:[A-Za-z]:\\|\\\\)/;

/** As the server keeps a name (`check_document_name`): a draft that is opened again has only that. */
export function tidied(name: string): string {
  const parts = name.normalize('NFC').split('/');
  const isPath = parts.length > 1 && !WINDOWS.test(name) && !parts.some((part) => STEPS.includes(part.trim()));
  return isPath ? parts.map(tidiedPart).join('/') : tidiedPart(name);
}

function tidiedPart(name: string): string {
  const writable = name.replaceAll(/[\p{Cc}\p{Cs}]/gu, '').trim();
  const base = writable.slice(writable.lastIndexOf('/') + 1).trim();
  const windows = [writable, base].some((path) => WINDOWS.test(path));
  return windows ? base.slice(base.lastIndexOf('\\') + 1).trim() : base;
}
