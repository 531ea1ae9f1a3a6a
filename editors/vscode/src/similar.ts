// Other code that does what the code at the cursor does, and its exact copies.

import * as vscode from 'vscode';
import { nameOf } from './places';
import type { Hit, Place } from './protocol';
import type { Results } from './results';
import type { Server } from './server';

const LIMIT = 20;

export async function findSimilar(server: Server, results: Results): Promise<void> {
  const editor = vscode.window.activeTextEditor;
  if (editor?.document.uri.scheme !== 'file') {
    void vscode.window.showInformationMessage('Put the cursor into the code to compare with, in a file of an open folder.');
    return;
  }
  const given = { uri: editor.document.uri.toString(), position: editor.selection.start, limit: LIMIT };
  const ask = async (): Promise<{ name: string; hits: Hit[] }> => {
    const answer = await server.ask('semls/similar', given);
    return { name: nameOf(answer), hits: [...answer.copies.map(copy), ...answer.hits] };
  };
  const { name, hits } = await vscode.window.withProgress(
    { location: vscode.ProgressLocation.Window, title: 'semls: comparing' },
    ask,
  );
  if (hits.length) {
    await results.show(`Like ${name}`, hits, async () => (await ask()).hits);
  } else {
    void vscode.window.showInformationMessage(`Nothing else in the open folders is like ${name}.`);
  }
}

function copy(place: Place): Hit {
  return { ...place, score: 1, snippet: 'an exact copy' };
}
