// Resolves what an ES module imports by name and does not bring: in the folders of NODE_PATH, which Node.js itself asks
// for `require` only.

import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const require = createRequire(import.meta.url);

export async function resolve(specifier, context, nextResolve) {
  try {
    return await nextResolve(specifier, context);
  } catch (error) {
    if (error?.code !== 'ERR_MODULE_NOT_FOUND' || /^([./]|[a-z]+:)/.test(specifier)) {
      throw error;
    }
    try {
      return await nextResolve(pathToFileURL(require.resolve(specifier)).href, context);
    } catch {
      throw error;
    }
  }
}
