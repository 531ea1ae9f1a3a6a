// The code that answers a question, for a language model elsewhere to read.

import * as vscode from 'vscode';
import type { Context } from './protocol';
import type { Server } from './server';

export async function copyContext(server: Server): Promise<void> {
  const context = await ask(server);
  if (context) {
    await vscode.env.clipboard.writeText(context.markdown);
    const count = `${context.sections.length} ${context.sections.length === 1 ? 'file' : 'files'}`;
    void vscode.window.showInformationMessage(`Copied: about ${context.tokens} tokens from ${count}.`);
  }
}

export async function openContext(server: Server): Promise<void> {
  const context = await ask(server);
  if (context) {
    const document = await vscode.workspace.openTextDocument({ language: 'markdown', content: context.markdown });
    await vscode.window.showTextDocument(document);
  }
}

async function ask(server: Server): Promise<Context | undefined> {
  const query = await vscode.window.showInputBox({
    title: 'Context for a Question',
    prompt: 'What is to be answered, in plain words',
  });
  if (!query?.trim()) {
    return undefined;
  }
  const context = await server.ask('semls/context', { query });
  if (!context.sections.length) {
    void vscode.window.showInformationMessage('Nothing in the open folders is near that question.');
    return undefined;
  }
  return context;
}
