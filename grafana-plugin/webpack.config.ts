import CopyWebpackPlugin from 'copy-webpack-plugin';
import path from 'path';
import type { Configuration } from 'webpack';
import { merge } from 'webpack-merge';
import grafanaConfig, { type Env } from './.config/webpack/webpack.config.ts';

/** Grafana's own configuration, and what it leaves out: the logos of nested plugins, and the types and models of the runtime that we share. */
const config = async (env: Env): Promise<Configuration> =>
  merge(await grafanaConfig(env), {
    resolve: {
      extensionAlias: { '.js': ['.js', '.ts'] },
    },
    plugins: [
      new CopyWebpackPlugin({
        patterns: [
          { from: 'datasource/img/**/*', to: '.', noErrorOnMissing: true },
          { from: 'panels/*/img/**/*', to: '.', noErrorOnMissing: true },
        ],
      }),
    ],
    output: { path: path.resolve(process.cwd(), 'dist') },
  });

export default config;
