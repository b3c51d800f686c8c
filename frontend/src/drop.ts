/** Files from the picker and from drag-and-drop. Folders cannot be sent as they are, and are named so that it can be said. */

export interface Chosen {
  files: File[];
  folders: string[];
}

function fromTransfer(transfer: DataTransfer): Chosen {
  const chosen: Chosen = { files: [], folders: [] };
  for (const item of transfer.items) {
    if (item.kind !== 'file') continue;
    const entry = item.webkitGetAsEntry();
    const file = item.getAsFile();
    if (entry?.isDirectory) chosen.folders.push(entry.name);
    else if (file) chosen.files.push(file);
  }
  return chosen;
}

const carriesFiles = (event: DragEvent): boolean => event.dataTransfer?.types.includes('Files') ?? false;

/** The whole page takes what is dropped: missing the box by a little must not make the browser open the file. */
export function watchFiles(input: HTMLInputElement, box: HTMLElement, chosen: (what: Chosen) => void): void {
  input.addEventListener('change', () => {
    const files = [...(input.files ?? [])];
    input.value = '';
    if (files.length > 0) chosen({ files, folders: [] });
  });
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
    chosen(fromTransfer(event.dataTransfer));
  });
}
