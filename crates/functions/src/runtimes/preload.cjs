// Loaded before everything else. The AWS SDK for JavaScript v2 does not read AWS_ENDPOINT_URL: it is told the endpoint as
// soon as its core is loaded, wherever the function has it from.
'use strict';

const Module = require('node:module');

const endpoint = process.env.AWS_ENDPOINT_URL;

if (endpoint) {
  const load = Module._extensions['.js'];
  Module._extensions['.js'] = function loadAndConfigure(module, filename) {
    load.call(this, module, filename);
    if (/[\\/]aws-sdk[\\/]lib[\\/](core|node_loader)\.js$/.test(filename) && module.exports?.config?.update) {
      module.exports.config.update({ endpoint });
    }
  };
}
