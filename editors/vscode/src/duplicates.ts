// The command that lists clusters of functions that are copies of one another, or nearly.

import * as vscode from 'vscode';
import type { Position } from 'vscode-languageclient/node';
import { embeddedPercent } from './coverage';
import { nameOf } from './location';
import type { Duplicates, Hit } from './protocol';
import type { Found, Group, Results } from './results';
import type { Server } from './server';

export interface Place {
  uri: string;
  position: Position;
}

const TITLE = 'Duplicates in Workspace';

export async function findDuplicates(server: Server, results: Results): Promise<void> {
  const options = { location: vscode.ProgressLocation.Notification, title: 'semls: comparing functions', cancellable: true };
  const found = await vscode.window.withProgress(options, async (_, token) => {
    const search = async (): Promise<Found> => foundOf(await server.request('semls/duplicates', {}, token), server);
    try {
      return await search();
    } catch (error) {
      if (token.isCancellationRequested) {
        return undefined;
      }
      throw error;
    }
  });
  if (found?.hits.length) {
    await results.show(TITLE, found, async () => foundOf(await server.request('semls/duplicates', {}), server));
  } else if (found) {
    void vscode.window.showInformationMessage(['No functions in the open folders are alike.', ...(found.notes ?? [])].join(' '));
  }
}

/** Show the copies of a function, which the server counts in a code lens. */
export async function showCopies(server: Server, results: Results, { uri, position }: Place): Promise<void> {
  const search = async (): Promise<Found> => {
    const answer = await server.request('semls/duplicates', { uri });
    const clusters = answer.clusters.filter(({ hits }) => hits[0]?.selectionRange.start.line === position.line);
    return foundOf({ ...answer, clusters, total: clusters.length }, server);
  };
  const found = await search();
  await results.show(`Copies of ${found.hits[0] ? nameOf(found.hits[0]) : 'the function'}`, found, search);
}

function foundOf(answer: Duplicates, server: Server): Found {
  const groups = answer.clusters.map(({ copies, hits }, index): Group => ({
    id: `cluster ${index}`,
    label: `${hits.length} ${copies ? 'copies' : 'near copies'}`,
    description: `${repeatedLines(hits)} repeated lines`,
    icon: new vscode.ThemeIcon(copies ? 'files' : 'copy'),
    hits,
  }));
  const isComplete = server.isLexicalOnly || embeddedPercent([answer.coverage]) === 100;
  const hits = groups.flatMap((group) => group.hits);
  return { hits, groups, isStrong: true, isComplete, notes: notesOf(answer) };
}

function repeatedLines(hits: Hit[]): number {
  return hits.slice(1).reduce((sum, { range }) => sum + range.end.line - range.start.line + 1, 0);
}

function notesOf({ functions, compared, total, clusters }: Duplicates): string[] {
  return [
    ...(total > clusters.length ? [`the first ${clusters.length} of ${total} clusters`] : []),
    ...(compared === 0 && functions > 0 ? ['copies only, because nothing is embedded'] : []),
    ...(compared > 0 && compared < functions ? [`${compared} of ${functions} functions are embedded`] : []),
  ];
}
