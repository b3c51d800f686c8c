// tus-js-client against the running server: node client.mjs <url> <token> <file> <what>; one line of JSON at the end.
import { createReadStream, statSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(new URL("../../frontend/package.json", import.meta.url));
const { Upload } = require("tus-js-client");
const [url, token, file, what] = process.argv.slice(2);
const uploadSize = statSync(file).size;

// It finds out the size by itself when it is to divide the file, and wants it so.
const inFour = { parallelUploads: 4, uploadSize: null };

function upload(more, previous) {
  return new Promise((resolve, reject) => {
    const tus = new Upload(createReadStream(file), {
      endpoint: `${url}/uploads`,
      uploadSize,
      headers: { Authorization: `Bearer ${token}` },
      chunkSize: 4_000_000,
      retryDelays: [100, 200, 400],
      onError: reject,
      onSuccess: () => resolve(tus),
      ...more(() => tus, resolve),
    });
    if (previous) tus.resumeFromPreviousUpload({ size: uploadSize, metadata: {}, ...previous });
    tus.start();
  });
}

async function pausedAndResumed() {
  const paused = await upload((tus, resolve) => ({
    onChunkComplete: (_, accepted) => {
      if (accepted > uploadSize / 3) tus().abort().then(() => resolve(tus()));
    },
  }));
  const resumedFrom = [];
  const resumed = await upload(() => ({
    uploadUrl: paused.url,
    onProgress: (sent) => resumedFrom.push(sent),
  }));
  return { url: resumed.url, resumedFrom: Math.min(...resumedFrom) };
}

async function terminated() {
  const paused = await upload((tus, resolve) => ({
    onChunkComplete: () => tus().abort(true).then(() => resolve(tus())),
  }));
  return { url: paused.url };
}

async function parallelAndResumed() {
  const slowly = { ...inFour, chunkSize: 1_000_000 };
  const paused = await upload((tus, resolve) => ({
    ...slowly,
    onProgress: (sent) => {
      if (sent > uploadSize / 3) tus().abort().then(() => resolve(tus()));
    },
  }));
  const parallelUploadUrls = paused._parallelUploadUrls;
  const created = [];
  const note = (request) => {
    if (request.getMethod() === "POST") created.push(request.getHeader("Upload-Concat"));
  };
  const resumed = await upload(() => ({ ...slowly, onBeforeRequest: note }), { parallelUploadUrls });
  return { url: resumed.url, created };
}

const deeds = {
  whole: async () => ({ url: (await upload(() => ({}))).url }),
  paused: pausedAndResumed,
  terminated,
  parallel: async () => ({ url: (await upload(() => inFour)).url }),
  parallelAndResumed,
};
console.log(JSON.stringify(await deeds[what]()));
// A piece that was paused between two chunks may still hold a request open, whose body never comes: nobody waits for it.
process.exit();
