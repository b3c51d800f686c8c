/**
 * Words for the scripts. The page carries them as JSON under `#texts`, already in the reader's language,
 * so that every sentence goes through the same translations as the rest of the service.
 */

let dictionary: Record<string, string> | null = null;

export function readJson<T>(id: string): T | null {
  const content = document.getElementById(id)?.textContent?.trim();
  return content ? (JSON.parse(content) as T) : null;
}

export function useTexts(texts: Record<string, string>): void {
  dictionary = texts;
}

/** The sentence `key` with every `{name}` replaced; a key without a sentence is a fault in the template. */
export function text(key: string, values: Record<string, string | number> = {}): string {
  dictionary ??= readJson<Record<string, string>>('texts') ?? {};
  const sentence = dictionary[key];
  if (sentence === undefined) throw new Error(`No text for ${key}`);
  return sentence.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

/** `key_one` or `key_other`: all three languages of the service know only these two. */
export function counted(key: string, n: number, values: Record<string, string> = {}): string {
  return text(n === 1 ? `${key}_one` : `${key}_other`, { n, ...values });
}
