// Formats code locations for lists and shows them in an editor.

import * as vscode from 'vscode';
import type { CodeLocation } from './protocol';

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

export async function show(location: CodeLocation, options: vscode.TextDocumentShowOptions): Promise<vscode.TextEditor> {
  const position = positionOf(location);
  const editor = await vscode.window.showTextDocument(uriOf(location), {
    ...options,
    selection: new vscode.Range(position, position),
  });
  editor.revealRange(rangeOf(location), vscode.TextEditorRevealType.InCenterIfOutsideViewport);
  return editor;
}
