// Shows errors of commands.

import * as vscode from 'vscode';

/** Split a message into its first sentence and the others, for a row that shows each in one line. */
export function splitMessage(message: string): { summary: string; rest: string } {
  const [, summary = message, rest = ''] = /^(.*?[.:])\s+(\S.*)$/s.exec(message) ?? [];
  return { summary, rest };
}

/** Run a command and show its error, if any, as a notification. */
export async function showErrors(command: () => unknown): Promise<void> {
  try {
    await command();
  } catch (error) {
    void vscode.window.showErrorMessage(`semls: ${error instanceof Error ? error.message : String(error)}`);
  }
}
