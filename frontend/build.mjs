// Builds what the browser gets into src/deldokument/web/static/: one style sheet, one script per purpose, fonts,
// and the licences of everything included. File names carry no hash; the server decides how long they are kept.
import { build } from 'esbuild';
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const out = join(here, '../src/deldokument/web/static');
const target = ['chrome115', 'edge115', 'firefox115', 'safari16.4'];

const licences = [
  '@digdir/designsystemet-css',
  '@digdir/designsystemet-web',
  '@u-elements/u-tabs',
  '@fontsource-variable/inter',
  'tus-js-client',
  'chart.js',
  '@kurkle/color',
];

async function licenceOf(name) {
  const folder = join(here, 'node_modules', name);
  const { version, license } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
  const read = (file) => readFile(join(folder, file), 'utf8');
  // In this order, not the faster of the two: the build is reproducible.
  const text = await read('LICENSE').catch(() => read('LICENSE.md')).catch(() => `Licence: ${license}`);
  return `${name} ${version}\n\n${text.trim()}\n`;
}

await rm(out, { recursive: true, force: true });
await mkdir(join(out, 'icons'), { recursive: true });

await Promise.all([
  build({
    absWorkingDir: here,
    entryPoints: { app: 'src/app.css' },
    outdir: out,
    bundle: true,
    minify: true,
    target,
    logLevel: 'warning',
    loader: { '.svg': 'dataurl', '.woff2': 'file' },
    assetNames: 'fonts/[name]',
  }),
  build({
    absWorkingDir: here,
    entryPoints: { app: 'src/app.ts', share: 'src/share.ts', addition: 'src/addition.ts', receive: 'src/receive.ts', statistics: 'src/statistics.ts' },
    outdir: out,
    bundle: true,
    minify: true,
    target,
    format: 'iife',
    charset: 'utf8',
    logLevel: 'warning',
  }),
  cp(join(here, 'src/favicon.svg'), join(out, 'icons/favicon.svg')),
  Promise.all(licences.map(licenceOf)).then(async (texts) => {
    const icons = await readFile(join(here, 'icons/README.md'), 'utf8');
    await writeFile(join(out, 'licences.txt'), [...texts, icons].join(`\n${'-'.repeat(80)}\n\n`));
  }),
]);
