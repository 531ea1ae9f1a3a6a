// Commands that collect the code that answers a question, for a language model outside VS Code.

import * as vscode from 'vscode';
import type { VirtualDocuments } from './documents';
import type { Context } from './protocol';
import type { Server } from './server';

export async function copyContext(server: Server): Promise<void> {
  const context = await requestContext(server);
  if (context) {
    await vscode.env.clipboard.writeText(context.markdown);
    const files = `${context.sections.length} ${context.sections.length === 1 ? 'file' : 'files'}`;
    void vscode.window.showInformationMessage(`Copied about ${context.tokens} tokens from ${files}.`);
  }
}

/** Open the context as a read-only document, which VS Code does not ask to save. */
export async function openContext(server: Server, documents: VirtualDocuments): Promise<void> {
  const context = await requestContext(server);
  if (context) {
    const document = await documents.open('/Context.md', context.markdown);
    await vscode.window.showTextDocument(document, { preview: false });
  }
}

async function requestContext(server: Server): Promise<Context | undefined> {
  const query = await vscode.window.showInputBox({
    title: 'Context for a Question',
    prompt: 'Enter a question about the code.',
  });
  if (!query?.trim()) {
    return undefined;
  }
  const context = await server.request('semls/context', { query });
  if (!context.sections.length) {
    void vscode.window.showInformationMessage('No code in the open folders matches the question.');
    return undefined;
  }
  return context;
}
