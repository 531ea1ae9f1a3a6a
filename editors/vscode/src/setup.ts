// The first steps: offers the installation, and tells the welcome view what is missing.

import * as vscode from 'vscode';
import type { Server } from './server';

const OFFERED = 'semls.hasOfferedInstallation';

/** Return whether the installation should be offered without a command: the first time that the server is missing. */
export async function isFirstOffer(memory: vscode.Memento): Promise<boolean> {
  if (memory.get<boolean>(OFFERED)) {
    return false;
  }
  await memory.update(OFFERED, true);
  return true;
}

/** Keep the context keys of the empty Results view and of the first steps. */
export function watchSetup(server: Server): vscode.Disposable {
  const update = (): void => {
    void vscode.commands.executeCommand('setContext', 'semls.missing', missingPart(server));
    void vscode.commands.executeCommand('setContext', 'semls.isInstalled', server.isRunning);
  };
  update();
  return server.onDidChange(update);
}

function missingPart(server: Server): 'server' | 'folder' | 'permission' | 'start' | '' {
  if (!server.isInstalled) {
    return 'server';
  }
  if (!server.hasFolders) {
    return vscode.workspace.workspaceFolders?.length ? 'permission' : 'folder';
  }
  return server.problem ? 'start' : '';
}
