// What the status bar says of the index, and what one may do about it.

import * as vscode from 'vscode';
import { embeddedOf, percent } from './coverage';
import type { State } from './protocol';
import type { Server } from './server';

const PHASES: Record<State['phase'], string> = {
  reading: 'reading files',
  downloading: 'downloading the model',
  loading: 'loading the model',
  embedding: 'embedding',
  paused: 'paused',
  ready: 'ready',
};

interface Action extends vscode.QuickPickItem {
  command?: string;
  given?: unknown;
}

export class Status implements vscode.Disposable {
  private readonly item = vscode.window.createStatusBarItem('status', vscode.StatusBarAlignment.Right, 90);
  private readonly listening: vscode.Disposable;

  constructor(private readonly server: Server) {
    this.item.name = 'semls';
    this.item.command = 'semls.showStatus';
    this.listening = server.onDidChange(() => { this.update(); });
    this.update();
    this.item.show();
  }

  async open(): Promise<void> {
    const chosen = await vscode.window.showQuickPick(this.actions(), { title: 'semls', placeHolder: this.summary() });
    if (chosen?.command) {
      await vscode.commands.executeCommand(chosen.command, chosen.given);
    }
  }

  dispose(): void {
    this.listening.dispose();
    this.item.dispose();
  }

  private update(): void {
    const problem = this.server.problem || this.server.folders.map((folder) => folder.error).find(Boolean);
    const busy = this.server.folders.some((folder) => !['ready', 'paused'].includes(folder.phase));
    const paused = this.server.folders.some((folder) => folder.phase === 'paused');
    const icon = problem ? 'warning' : busy ? 'sync~spin' : paused ? 'debug-pause' : 'search';
    const share = progress(this.server.folders);
    this.item.text = `$(${icon}) semls${share < 100 ? ` ${share} %` : ''}`;
    this.item.backgroundColor = problem ? new vscode.ThemeColor('statusBarItem.warningBackground') : undefined;
    this.item.tooltip = tooltip(problem ?? this.summary(), this.server.folders);
    this.item.accessibilityInformation = { label: `semls: ${problem ?? this.summary()}` };
  }

  private summary(): string {
    const { folders, isRunning, problem } = this.server;
    if (problem || !isRunning) {
      return problem || 'the server is starting';
    }
    const [first] = folders;
    return first ? folders.map((folder) => PHASES[folder.phase]).join(', ') : 'no folder is open';
  }

  private actions(): Action[] {
    const paused = this.server.folders.some((folder) => folder.phase === 'paused');
    const folders = this.server.folders.map((folder): Action => ({
      label: `$(folder) ${nameOf(folder)}`,
      description: PHASES[folder.phase],
      detail: details(folder),
    }));
    return [
      ...folders,
      { label: '', kind: vscode.QuickPickItemKind.Separator },
      ...(!this.server.problem
        ? [
            { label: '$(search) Search by Meaning', command: 'semls.searchByMeaning' },
            paused
              ? { label: '$(debug-start) Resume Indexing', command: 'semls.resumeIndexing' }
              : { label: '$(debug-pause) Pause Indexing', command: 'semls.pauseIndexing' },
            { label: '$(refresh) Index the Open Folders Again', command: 'semls.reindexFolders' },
            { label: '$(trash) Clear the Index and Make It Anew', command: 'semls.clearIndex' },
          ]
        : [{ label: '$(cloud-download) Install the Server', command: 'semls.installServer' }]),
      { label: '$(debug-restart) Restart the Server', command: 'semls.restartServer' },
      { label: '$(output) Show Log', command: 'semls.showLog' },
      { label: '$(gear) Open Settings', command: 'workbench.action.openSettings', given: '@ext:semls.semls' },
    ];
  }
}

/** Per cent of the model that has come while it is downloaded, else of all chunks that are embedded. */
function progress(folders: State[]): number {
  const loading = folders.find((folder) => folder.phase === 'downloading');
  return loading ? percent(loading.downloaded, loading.download) : embeddedOf(folders);
}

function details(folder: State): string {
  const model = folder.model ? `${folder.model} on ${folder.device}` : 'no model yet: words alone answer';
  const counts = `${folder.files} files, ${folder.embedded} of ${folder.chunks} chunks embedded`;
  return [counts, model, folder.store, folder.error || folder.notice].filter(Boolean).join(' · ');
}

function tooltip(summary: string, folders: State[]): vscode.MarkdownString {
  const text = new vscode.MarkdownString();
  text.appendText(`semls: ${summary}`);
  for (const folder of folders) {
    text.appendMarkdown('\n\n').appendText(`${nameOf(folder)}: ${details(folder)}`);
  }
  return text;
}

function nameOf(folder: State): string {
  return folder.workspace.split(/[\\/]/).at(-1) ?? folder.workspace;
}
