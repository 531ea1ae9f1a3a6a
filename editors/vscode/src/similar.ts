// The command that finds code similar to the code at the cursor, and its exact duplicates.

import * as vscode from 'vscode';
import { embeddedPercent } from './coverage';
import { nameOf } from './location';
import type { CodeLocation, Hit } from './protocol';
import type { Found, Results } from './results';
import type { Server } from './server';

const LIMIT = 20;

export async function findSimilar(server: Server, results: Results): Promise<void> {
  const editor = vscode.window.activeTextEditor;
  if (editor?.document.uri.scheme !== 'file') {
    void vscode.window.showInformationMessage('Place the cursor in a file of an open folder to find similar code.');
    return;
  }
  const params = { uri: editor.document.uri.toString(), position: editor.selection.start, limit: LIMIT };
  const search = async (): Promise<Found & { name: string }> => {
    const answer = await server.request('semls/similar', params);
    const hits = [...answer.copies.map(hitOfCopy), ...answer.hits];
    return { name: nameOf(answer), hits, isStrong: true, isComplete: embeddedPercent([answer.coverage]) === 100 };
  };
  const { name, ...found } = await vscode.window.withProgress(
    { location: vscode.ProgressLocation.Window, title: 'semls: finding similar code' },
    search,
  );
  if (found.hits.length) {
    await results.show(`Similar to ${name}`, found, search);
  } else {
    void vscode.window.showInformationMessage(`No code in the open folders is similar to ${name}.`);
  }
}

function hitOfCopy(copy: CodeLocation): Hit {
  return { ...copy, score: 1, snippet: '', best: { text: 'exact duplicate' } };
}
