// The status bar item, which shows the state of the index, and the menu that it opens.

import * as vscode from 'vscode';
import { embeddedPercent, percent } from './coverage';
import { splitMessage } from './errors';
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

interface MenuItem extends vscode.QuickPickItem {
  command?: string;
  argument?: unknown;
}

export class Status implements vscode.Disposable {
  private readonly item = vscode.window.createStatusBarItem('status', vscode.StatusBarAlignment.Right, 90);
  private readonly subscription: vscode.Disposable;

  constructor(private readonly server: Server) {
    this.item.name = 'semls';
    this.item.command = 'semls.showStatus';
    this.subscription = server.onDidChange(() => { this.update(); });
    this.update();
    this.item.show();
  }

  /** Show the menu and execute the selected command. */
  async open(): Promise<void> {
    const selected = await vscode.window.showQuickPick(this.menu(), { title: 'semls', placeHolder: this.summary() });
    if (selected?.command) {
      await vscode.commands.executeCommand(selected.command, selected.argument);
    }
  }

  dispose(): void {
    this.subscription.dispose();
    this.item.dispose();
  }

  private update(): void {
    const { folders, isLexicalOnly, problem } = this.server;
    const isBusy = folders.some((folder) => !['ready', 'paused'].includes(folder.phase));
    const isPaused = folders.some((folder) => folder.phase === 'paused');
    const icon = problem ? 'warning' : isBusy ? 'sync~spin' : isPaused ? 'debug-pause' : 'search';
    const progress = progressPercent(folders);
    const note = isLexicalOnly ? ' (no model)' : progress < 100 ? ` ${progress} %` : '';
    this.item.text = `$(${icon}) semls${note}`;
    this.item.backgroundColor = problem ? new vscode.ThemeColor('statusBarItem.warningBackground') : undefined;
    this.item.tooltip = tooltip(this.summary(), folders);
    this.item.accessibilityInformation = { label: `semls: ${this.summary()}` };
  }

  private summary(): string {
    const { folders, hasFolders, isRunning, noFolders, problem } = this.server;
    if (problem || !hasFolders) {
      return problem || noFolders;
    }
    return isRunning ? folders.map((folder) => PHASES[folder.phase]).join(', ') : 'starting the server';
  }

  private menu(): MenuItem[] {
    const isPaused = this.server.folders.some((folder) => folder.phase === 'paused');
    const folders = this.server.folders.map((folder): MenuItem => ({
      label: `$(folder) ${nameOf(folder)}`,
      description: PHASES[folder.phase],
      detail: details(folder),
    }));
    return [
      ...folders,
      ...(this.server.failure ? [warningItem(this.server.failure)] : []),
      ...this.server.folders.flatMap(({ error, notice }) => (error || notice ? [warningItem(error || notice)] : [])),
      { label: '', kind: vscode.QuickPickItemKind.Separator },
      ...(!this.server.failure
        ? [
            { label: '$(search) Search Code by Meaning…', command: 'semls.searchByMeaning' },
            isPaused
              ? { label: '$(debug-start) Resume Indexing', command: 'semls.resumeIndexing' }
              : { label: '$(debug-pause) Pause Indexing', command: 'semls.pauseIndexing' },
            { label: '$(refresh) Update Index', command: 'semls.reindexFolders' },
            { label: '$(trash) Rebuild Index', command: 'semls.clearIndex' },
            { label: '$(list-unordered) Show Skipped Files', command: 'semls.showSkippedFiles' },
          ]
        : [{ label: '$(cloud-download) Install Server', command: 'semls.installServer' }]),
      { label: '$(debug-restart) Restart Server', command: 'semls.restartServer' },
      { label: '$(output) Show Log', command: 'semls.showLog' },
      { label: '$(gear) Open Settings', command: 'workbench.action.openSettings', argument: '@ext:semls.semls' },
    ];
  }
}

function warningItem(message: string): MenuItem {
  const { summary, rest } = splitMessage(message);
  return { label: `$(warning) ${summary}`, detail: rest };
}

/** Return the progress of a model download if there is one, else the share of embedded chunks, in per cent. */
function progressPercent(folders: State[]): number {
  const downloading = folders.find((folder) => folder.phase === 'downloading');
  return downloading ? percent(downloading.downloaded, downloading.download) : embeddedPercent(folders);
}

function details(folder: State): string {
  const counts = `${folder.files} files, ${folder.embedded} of ${folder.chunks} chunks embedded`;
  const noModel = folder.phase === 'ready' ? 'no model' : 'no model yet';
  const model = folder.model ? `${folder.model} on ${folder.device}` : `${noModel}: full-text search only`;
  return [counts, model, folder.store].filter(Boolean).join(' · ');
}

function tooltip(summary: string, folders: State[]): vscode.MarkdownString {
  const text = new vscode.MarkdownString();
  text.appendText(`semls: ${summary}`);
  for (const folder of folders) {
    text.appendMarkdown('\n\n').appendText(`${nameOf(folder)}: ${details(folder)}`);
    if (folder.notice) {
      text.appendMarkdown('\n\n').appendText(folder.notice);
    }
  }
  return text;
}

function nameOf(folder: State): string {
  return folder.workspace.split(/[\\/]/).at(-1) ?? folder.workspace;
}
