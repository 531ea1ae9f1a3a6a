// Shows errors of commands.

import * as vscode from 'vscode';

/** Run a command and show its error, if any, as a notification. */
export async function showErrors(command: () => unknown): Promise<void> {
  try {
    await command();
  } catch (error) {
    void vscode.window.showErrorMessage(`semls: ${error instanceof Error ? error.message : String(error)}`);
  }
}
