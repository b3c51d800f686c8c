/** Files and folders from the pickers and from drag-and-drop. The files of a folder are named by their path in it. */

import { nameAs } from './file-names.ts';

export interface Chosen {
  files: File[];
  /** Folders without a file in them. */
  empty: string[];
}

const byName = (one: FileSystemEntry, other: FileSystemEntry): number => (one.name < other.name ? -1 : 1);

/** A reader hands out its entries in portions, the last of which is empty. */
async function entriesIn(folder: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
  const reader = folder.createReader();
  const entries: FileSystemEntry[] = [];
  for (;;) {
    const portion = await new Promise<FileSystemEntry[]>((done, failed) => reader.readEntries(done, failed));
    if (portion.length === 0) return entries.sort(byName);
    entries.push(...portion);
  }
}

async function filesIn(entry: FileSystemEntry): Promise<File[]> {
  if (entry.isDirectory) {
    const files: File[] = [];
    for (const inner of await entriesIn(entry as FileSystemDirectoryEntry)) files.push(...(await filesIn(inner)));
    return files;
  }
  const file = await new Promise<File>((done, failed) => (entry as FileSystemFileEntry).file(done, failed));
  return [nameAs(file, entry.fullPath.slice(1))];
}

async function fromTransfer(transfer: DataTransfer): Promise<Chosen> {
  const items = [...transfer.items].filter((item) => item.kind === 'file');
  // The transfer is emptied as soon as the handler of its event waits for something.
  const dropped = items.map((item) => ({ entry: item.webkitGetAsEntry(), file: item.getAsFile() }));
  const chosen: Chosen = { files: [], empty: [] };
  for (const { entry, file } of dropped) {
    const files = entry?.isDirectory ? await filesIn(entry) : file ? [file] : [];
    if (entry?.isDirectory && files.length === 0) chosen.empty.push(entry.name);
    chosen.files.push(...files);
  }
  return chosen;
}

const carriesFiles = (event: DragEvent): boolean => event.dataTransfer?.types.includes('Files') ?? false;

function watchPicker(input: HTMLInputElement, chosen: (what: Chosen) => void): void {
  input.addEventListener('change', () => {
    const files = [...(input.files ?? [])];
    input.value = '';
    if (files.length > 0) chosen({ files, empty: [] });
  });
}

/** The whole page takes what is dropped: missing the box by a little must not make the browser open the file. */
export function watchFiles(inputs: HTMLInputElement[], box: HTMLElement, chosen: (what: Chosen) => void): void {
  for (const input of inputs) watchPicker(input, chosen);
  document.addEventListener('dragover', (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    box.dataset['dragging'] = 'true';
  });
  document.addEventListener('dragleave', (event) => {
    if (event.relatedTarget === null) delete box.dataset['dragging'];
  });
  document.addEventListener('drop', (event) => {
    delete box.dataset['dragging'];
    if (!carriesFiles(event) || !event.dataTransfer) return;
    event.preventDefault();
    void fromTransfer(event.dataTransfer).then(chosen);
  });
}
