// How a place looks in a list, and how it is shown in an editor.

import * as vscode from 'vscode';
import type { Hit, Place } from './protocol';

export function uriOf(place: Place): vscode.Uri {
  return vscode.Uri.parse(place.uri);
}

export function rangeOf(place: Place): vscode.Range {
  return new vscode.Range(
    place.range.start.line,
    place.range.start.character,
    place.range.end.line,
    place.range.end.character,
  );
}

/** Where the name stands: that is where one wants to be. */
export function positionOf(place: Place): vscode.Position {
  return new vscode.Position(place.selectionRange.start.line, place.selectionRange.start.character);
}

export function iconOf(place: Place): vscode.ThemeIcon {
  const name = place.kind.replace(/[A-Z]/g, (letter, at: number) => (at ? '-' : '') + letter.toLowerCase());
  return new vscode.ThemeIcon(`symbol-${name}`);
}

export function nameOf(place: Place): string {
  return place.container ? `${place.container}.${place.name}` : place.name;
}

export function addressOf(place: Place): string {
  const folder = (vscode.workspace.workspaceFolders?.length ?? 0) > 1 ? `${place.folder}/` : '';
  return `${folder}${place.path}:${place.selectionRange.start.line + 1}`;
}

/** The line of the code that has the name. */
export function lineOf(hit: Hit): string {
  const lines = hit.snippet.split('\n');
  const row = hit.selectionRange.start.line - hit.range.start.line;
  return (lines[row] ?? lines[0] ?? '').trim();
}

export async function show(place: Place, options: vscode.TextDocumentShowOptions): Promise<vscode.TextEditor> {
  const at = positionOf(place);
  const editor = await vscode.window.showTextDocument(uriOf(place), {
    ...options,
    selection: new vscode.Range(at, at),
  });
  editor.revealRange(rangeOf(place), vscode.TextEditorRevealType.InCenterIfOutsideViewport);
  return editor;
}
