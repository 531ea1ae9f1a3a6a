// Formats code locations for lists and shows them in an editor.

import * as vscode from 'vscode';
import type { CodeLocation, Hit } from './protocol';

export function uriOf(location: CodeLocation): vscode.Uri {
  return vscode.Uri.parse(location.uri);
}

export function rangeOf(location: CodeLocation): vscode.Range {
  return new vscode.Range(
    location.range.start.line,
    location.range.start.character,
    location.range.end.line,
    location.range.end.character,
  );
}

/** Return the position of the name, where the cursor is placed. */
export function positionOf(location: CodeLocation): vscode.Position {
  return new vscode.Position(location.selectionRange.start.line, location.selectionRange.start.character);
}

/** Return a text that identifies a location among the hits of an answer. */
export function keyOf(location: CodeLocation): string {
  return `${location.uri} ${JSON.stringify(location.range)}`;
}

export function iconOf(location: CodeLocation): vscode.ThemeIcon {
  const name = location.kind.replace(/[A-Z]/g, (letter, at: number) => (at ? '-' : '') + letter.toLowerCase());
  return new vscode.ThemeIcon(`symbol-${name}`);
}

export function nameOf(location: CodeLocation): string {
  return location.container ? `${location.container}.${location.name}` : location.name;
}

/** Return path and line, with the folder's name if several folders are open. */
export function addressOf(location: CodeLocation): string {
  const folder = (vscode.workspace.workspaceFolders?.length ?? 0) > 1 ? `${location.folder}/` : '';
  return `${folder}${location.path}:${location.selectionRange.start.line + 1}`;
}

/**
 * Return the line that tells most about a hit: the line that matches best, unless it is only the header of the
 * definition; else the first sentence of its documentation; else the first line with words after the header.
 */
export function summaryOf(hit: Hit): string {
  const lines = hit.snippet.split('\n').map(withoutMarkers);
  const row = hit.selectionRange.start.line - hit.range.start.line;
  const header = lines[row] ?? '';
  const best = withoutMarkers(hit.best?.text ?? '');
  if (HAS_WORDS.test(best) && best !== header) {
    return best;
  }
  const documentation = lines.find((line, at) => isComment(hit.snippet, at) && HAS_WORDS.test(line));
  const body = lines.slice(row + 1).find((line) => HAS_WORDS.test(line));
  return documentation?.match(FIRST_SENTENCE)?.[0] ?? body ?? header;
}

const HAS_WORDS = /\p{L}{2}/u;
const FIRST_SENTENCE = /^.*?[.!?](?=\s|$)|^.+/;
const COMMENT = /^\s*(?:\/\/|\/\*|\*|#(?!\s*(?:include|define|if|pragma)|\[)|--|;|"""|''')/;

function isComment(snippet: string, row: number): boolean {
  return COMMENT.test(snippet.split('\n')[row] ?? '');
}

/** Return a line without indentation and without the characters that make it a comment or a heading. */
function withoutMarkers(line: string): string {
  return line
    .trim()
    .replace(/^(?:\/{2,}!?|\/\*+|\*+(?!\/)|#+(?!\[)(?=\s)|--|;+|[rub]?(?:"""|'''))\s*/i, '')
    .replace(/\s*(?:\*+\/|"""|''')$/, '');
}

export async function show(location: CodeLocation, options: vscode.TextDocumentShowOptions): Promise<vscode.TextEditor> {
  const position = positionOf(location);
  const editor = await vscode.window.showTextDocument(uriOf(location), {
    ...options,
    selection: new vscode.Range(position, position),
  });
  editor.revealRange(rangeOf(location), vscode.TextEditorRevealType.InCenterIfOutsideViewport);
  return editor;
}
