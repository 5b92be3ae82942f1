import { defineConfig } from 'eslint/config';
import baseConfig from './.config/eslint.config.mjs';

export default defineConfig([
  // The rest of the folder is Deno's, and linted by the project's own rules.
  { ignores: ['dist/', 'artifacts/', 'node_modules/', 'backend/', 'dashboards/', 'tools/', 'tests/', 'preview/', '.config/', 'webpack.config.ts'] },
  ...baseConfig,
]);
