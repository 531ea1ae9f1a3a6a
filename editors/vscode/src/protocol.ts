// What the server is asked and what it answers: editors/README.md describes it.

import type { Position, Range } from 'vscode-languageclient/node';

export interface Place {
  folder: string;
  path: string;
  uri: string;
  range: Range;
  selectionRange: Range;
  name: string;
  container: string;
  kind: string;
  language: string;
}

export interface Hit extends Place {
  score: number;
  snippet: string;
  matched?: ('name' | 'lexical' | 'semantic')[];
  count?: number;
}

export interface Coverage {
  chunks: number;
  embedded: number;
}

export interface Answer {
  query: string;
  model: string;
  coverage: Coverage;
  hits: Hit[];
}

export interface Similar extends Place {
  copies: Place[];
  hits: Hit[];
}

export interface Context {
  tokens: number;
  markdown: string;
  sections: unknown[];
}

export interface State {
  workspace: string;
  phase: 'reading' | 'downloading' | 'loading' | 'embedding' | 'paused' | 'ready';
  files: number;
  chunks: number;
  embedded: number;
  downloaded: number;
  download: number;
  model: string;
  device: string;
  store: string;
  notice: string;
  error: string;
}

export interface Asked {
  'semls/search': { given: { query: string; limit?: number }; answer: Answer };
  'semls/similar': { given: { uri: string; position: Position; limit?: number }; answer: Similar };
  'semls/context': { given: { query: string; tokens?: number }; answer: Context };
}
