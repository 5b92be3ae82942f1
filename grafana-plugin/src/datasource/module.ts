import { DataSourcePlugin } from '@grafana/data';
import { ConfigEditor } from './ConfigEditor';
import { MarketDataSource } from './DataSource';
import type { MarketDataSourceSecrets } from './query';
import { QueryEditor } from './QueryEditor';
import { QueryEditorHelp } from './QueryEditorHelp';
import type { MarketOptions, MarketQuery } from './types';

export const plugin = new DataSourcePlugin<MarketDataSource, MarketQuery, MarketOptions, MarketDataSourceSecrets>(MarketDataSource)
  .setConfigEditor(ConfigEditor)
  .setQueryEditor(QueryEditor)
  .setQueryEditorHelp(QueryEditorHelp);
