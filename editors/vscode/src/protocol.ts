// The requests and notifications of the server. editors/README.md describes them.

import type { Position, Range } from 'vscode-languageclient/node';

export interface CodeLocation {
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

export interface Hit extends CodeLocation {
  score: number;
  snippet: string;
  best: { text: string }; // the line that tells most
  matched?: ('name' | 'lexical' | 'semantic')[];
  count?: number;
}

export interface Coverage {
  chunks: number;
  embedded: number;
}

export interface Answer {
  query: string;
  confidence: number; // the probability that the first hit is right
  model: string;
  coverage: Coverage;
  complete: boolean; // all files have been read
  hits: Hit[];
}

export interface Similar extends CodeLocation {
  coverage: Coverage;
  copies: CodeLocation[];
  hits: Hit[];
}

export interface Duplicates {
  coverage: Coverage;
  functions: number;
  compared: number; // by their vectors; fewer than `functions` while some are not embedded
  total: number; // of clusters
  clusters: { copies: boolean; hits: Hit[] }[]; // copies first
}

export interface Context {
  tokens: number;
  markdown: string;
  sections: unknown[];
}

export interface Citation {
  text: string; // as in the answer
  path: string;
  uri: string;
  range: Range;
  code: string;
}

export interface LanguageModelAnswer {
  answer: string; // Markdown; empty if no code matches the question
  citations: Citation[];
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

export interface SkippedFile {
  path: string; // of a folder, it ends with "/"
  reason: string;
}

export interface FolderStatus extends State {
  skipped: Record<string, number>; // number of files by reason
  skipped_files: SkippedFile[];
  partial: SkippedFile[];
  by_lines: SkippedFile[];
}

export interface Filters {
  paths?: string[];
  tests?: boolean;
}

export interface Query extends Filters {
  query: string;
  limit?: number;
  excluded?: string[];
}

export interface Requests {
  'semls/search': { params: Query & { group?: 'file' }; result: Answer };
  'semls/searchText': { params: Query; result: { text: string } };
  'semls/similar': { params: { uri: string; position: Position; limit?: number }; result: Similar };
  'semls/duplicates': { params: { limit?: number; tests?: boolean } | { uri: string }; result: Duplicates };
  'semls/context': { params: Query & { tokens?: number }; result: Context };
}
